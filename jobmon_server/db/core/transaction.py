"""The only place where a transaction begins, ends and is run again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import uniform
from typing import Concatenate, NoReturn, ParamSpec, Self, TypeVar

import structlog
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from jobmon_server.db.core import after_commit
from jobmon_server.db.core.engine import make_engine
from jobmon_server.db.core.failures import as_ours, code, is_worth_a_rerun
from jobmon_server.db.core.limits import patience
from jobmon_server.db.core.limits.patience import TimeBudget
from jobmon_server.db.core.limits.time_limit import time_limit, waiting_at_most
from jobmon_server.errors import Busy, CorruptDatabase, Unavailable
from jobmon_server.settings.query_limits import QueryLimits
from jobmon_server.shared_counters import RERUNS, SharedCounters

P = ParamSpec("P")
T = TypeVar("T")
Action = Callable[Concatenate[Connection, P], T]

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
        self._writing = threading.Lock()
        self.reruns = 0
        #: Why the last write that met a database which takes none failed; None once `actions.admin.readiness` has written.
        self.trouble: str | None = None

    @classmethod
    def connect(
        cls,
        url: str | URL,
        pool_size: int = 10,
        tally: SharedCounters | None = None,
        limits: QueryLimits | None = None,
    ) -> Self:
        """Make the engine and its door; connects at the first use."""
        return cls(make_engine(url, pool_size, limits), tally)

    def transact(self, action: Action[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `action(connection, …)` in one transaction; on a lost race run it again, whole, from its first lock.

        Raises `Busy` when it keeps losing or has waited for locks for ten seconds in all, `Unavailable` when the database
        is away, full or read-only, `CorruptDatabase` when it is damaged.
        """
        left = patience.current()
        for pause in (*PAUSES, None):
            lost = TimeBudget()
            if left.left <= 0:
                raise Busy
            try:
                with self._turn(left), lost.spent(), self._begin(left) as connection:
                    done = after_commit.begin(connection)
                    result = action(connection, *args, **kwargs)
                self.tally.record(done)
                return result
            except (DBAPIError, LostRace, PoolTimeout) as error:
                if not (isinstance(error, LostRace) or is_worth_a_rerun(error)):
                    self._refuse(error)
                left.left -= patience.PATIENCE_SECONDS - lost.left
                if pause is None or left.left <= 0:
                    raise Busy from error
                cause = error
            self.reruns += 1
            self.tally.count(RERUNS)
            log.info("transaction run again", action=getattr(action, "__name__", None), cause=code(cause))
            with left.spent():
                self._idle.wait(pause * uniform(0.5, 1.5))
        raise AssertionError("unreachable")

    @contextmanager
    def _turn(self, left: TimeBudget) -> Iterator[None]:
        """Be the one writer of SQLite. Raises `Busy` when others are for too long."""
        if not self.has_one_writer:
            yield
            return
        with left.spent():
            is_mine = self._writing.acquire(timeout=max(0.0, left.left))
        if not is_mine:
            raise Busy
        try:
            yield
        finally:
            self._writing.release()

    @contextmanager
    def _begin(self, left: TimeBudget) -> Iterator[Connection]:
        """Begin, and commit at the end; a connection whose COMMIT failed may still be in its transaction: it is closed."""
        with self.engine.connect() as connection, waiting_at_most(connection, left.left):
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
        """Run `query(connection, …)` without a lock, each statement within the time that a query may take.

        Raises `Busy` when the database is away or takes too long, `CorruptDatabase` when it is damaged.
        """
        try:
            with self._reader.begin() as connection, time_limit(connection, "query_seconds"):
                return query(connection, *args, **kwargs)
        except (DBAPIError, PoolTimeout) as error:
            self._refuse(error)

    def outside(self, query: Action[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what no transaction may hold, each statement by itself; raises `Busy` when the database is away or locked."""
        alone = self.engine.execution_options(without_transaction=True)
        try:
            with self._turn(TimeBudget()), alone.connect() as connection:
                return query(connection, *args, **kwargs)
        except (DBAPIError, PoolTimeout) as error:
            self._refuse(error)

    def _refuse(self, error: Exception) -> NoReturn:
        """Raise what callers are told of an error, or the error itself where it tells nothing of the database's state."""
        if is_worth_a_rerun(error):
            raise Busy from error
        known = as_ours(error)
        if known is None:
            raise error
        if isinstance(known, Unavailable | CorruptDatabase):
            self.trouble = known.message
        raise known from error

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()
