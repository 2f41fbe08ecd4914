"""The only place where a transaction begins, ends and is run again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from random import uniform
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import structlog
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from jobmon_server.db.core import after_commit
from jobmon_server.db.core.engine import make_engine
from jobmon_server.errors import Busy
from jobmon_server.shared_counters import RERUNS, SharedCounters

P = ParamSpec("P")
T = TypeVar("T")
Action = Callable[Concatenate[Connection, P], T]

#: MariaDB: row changed since it was read, lock wait timeout, deadlock.
LOST_RACE_CODES = frozenset({1020, 1205, 1213})
#: MariaDB: too many connections, shutting down, connection refused, gone, lost. Planning again makes a re-run safe
#: even where the COMMIT itself may have arrived: what was applied is then found to be a duplicate.
LOST_SERVER_CODES = frozenset({1040, 1053, 1927, 2002, 2003, 2006, 2013})
#: SQLite: busy, locked; written as numbers, as its library is loaded where it is used alone.
LOCKED_CODES = frozenset({5, 6})
#: Seconds before each re-run, jittered by half.
PAUSES = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)

log = structlog.get_logger(__name__)


class LostRace(Exception):
    """A guarded write matched no row, or a unique key was taken meanwhile: plan again from fresh rows."""


class Database:
    """One process's door to the database; make it after fork."""

    def __init__(self, engine: Engine, tally: SharedCounters | None = None) -> None:
        """Wrap an engine made by `db.engine.make_engine`; `tally` is where this process counts what it commits."""
        self.engine = engine
        self.tally = tally or SharedCounters()
        self._reader = engine.execution_options(read_only=True)
        self._idle = threading.Event()
        # SQLite has one writer. Waiting here is first come, first served; its own busy handler polls and starves.
        self.has_one_writer = engine.dialect.name == "sqlite"
        self._writing: AbstractContextManager[Any] = (
            threading.Lock() if self.has_one_writer else nullcontext()
        )
        self.reruns = 0

    @classmethod
    def connect(cls, url: str | URL, pool_size: int = 10, tally: SharedCounters | None = None) -> Self:
        """Make the engine and its door; connects at the first use."""
        return cls(make_engine(url, pool_size), tally)

    def transact(self, action: Action[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `action(connection, …)` in one transaction; on a lost race run it again, whole, from its first lock.

        Raises `Busy` when it keeps losing, or when the database is away.
        """
        for pause in (*PAUSES, None):
            try:
                with self._writing, self._begin() as connection:
                    done = after_commit.begin(connection)
                    result = action(connection, *args, **kwargs)
                self.tally.record(done)
                return result
            except (DBAPIError, LostRace, PoolTimeout) as error:
                if not is_worth_a_rerun(error):
                    raise
                if pause is None:
                    raise Busy from error
                cause = error
            self.reruns += 1
            self.tally.count(RERUNS)
            log.info("transaction run again", action=getattr(action, "__name__", None), cause=code(cause))
            self._idle.wait(pause * uniform(0.5, 1.5))
        raise AssertionError("unreachable")

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        """Begin, and commit at the end; a connection whose COMMIT failed may still be in its transaction: it is closed."""
        with self.engine.connect() as connection:
            has_acted = False
            try:
                with connection.begin():
                    yield connection
                    has_acted = True
            except BaseException:
                if has_acted:
                    connection.invalidate()
                raise

    def read(self, query: Action[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `query(connection, …)` without a lock; raises `Busy` when the database is away."""
        try:
            with self._reader.begin() as connection:
                return query(connection, *args, **kwargs)
        except (DBAPIError, PoolTimeout) as error:
            if is_worth_a_rerun(error):
                raise Busy from error
            raise

    def outside(self, query: Action[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what no transaction may hold, each statement by itself; raises `Busy` when the database is away or locked."""
        alone = self.engine.execution_options(without_transaction=True)
        try:
            with self._writing, alone.connect() as connection:
                return query(connection, *args, **kwargs)
        except (DBAPIError, PoolTimeout) as error:
            if is_worth_a_rerun(error):
                raise Busy from error
            raise

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def code(error: Exception) -> str:
    """Return the database's own code of an error, or the error's name where there is none."""
    original = getattr(error, "orig", None)
    known = getattr(original, "sqlite_errorname", None) or next(iter(getattr(original, "args", ())), None)
    return str(known or type(error).__name__)


def is_worth_a_rerun(error: Exception) -> bool:
    """Tell, by error code and never by text, whether the same act may succeed when it is run again."""
    if isinstance(error, LostRace | PoolTimeout):
        return True
    original = getattr(error, "orig", None)
    sqlite_code = getattr(original, "sqlite_errorcode", None)
    if sqlite_code is not None:
        return sqlite_code & 0xFF in LOCKED_CODES
    if original is None or not original.args:
        return False
    return original.args[0] in LOST_RACE_CODES | LOST_SERVER_CODES or getattr(
        error, "connection_invalidated", False
    )
