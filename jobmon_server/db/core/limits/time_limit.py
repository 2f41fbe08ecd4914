"""How long a statement may run, and how long it may wait, each spelled as its database has it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

#: A statement of SQLite waits so long for its lock unless its caller has less time, in seconds.
LOCK_WAIT_SECONDS = 5
#: SQLite looks at the time each so many steps of its machine: well under a millisecond.
STEPS = 1_000
#: Where the limit of a MariaDB connection's statements stands while there is one, in seconds.
_LIMIT = "jobmon_seconds"


@contextmanager
def time_limit(connection: Connection, setting: str) -> Iterator[None]:
    """Have the statements of the block end after so many seconds of `QueryLimits`, or sooner within another such block.

    On SQLite all of them together, on MariaDB each. What takes longer fails with an error that `failures.is_overdue` knows.
    """
    seconds = float(connection.get_execution_options()[setting])
    if connection.dialect.name == "sqlite":
        with _interrupted(connection, seconds):
            yield
        return
    outer = connection.info.get(_LIMIT)
    connection.info[_LIMIT] = seconds if outer is None else min(outer, seconds)
    try:
        yield
    finally:
        connection.info[_LIMIT] = outer


@contextmanager
def _interrupted(connection: Connection, seconds: float) -> Iterator[None]:
    driver: Any = connection.connection.driver_connection
    outer = connection.info.get(_LIMIT)
    until = time.monotonic() + seconds
    connection.info[_LIMIT] = until = until if outer is None else min(outer, until)
    driver.set_progress_handler(_looking_at(until), STEPS)
    try:
        yield
    finally:
        connection.info[_LIMIT] = outer
        driver.set_progress_handler(None if outer is None else _looking_at(outer), STEPS)


def _looking_at(until: float) -> Any:
    return lambda: time.monotonic() > until


def limit_statements(engine: Engine) -> None:
    """Have the statements of a MariaDB engine carry the limit that their connection has; MySQL reads a comment."""

    def limited(
        connection: Connection, _cursor: Any, statement: str, parameters: Any, *_context: Any
    ) -> tuple[str, Any]:
        seconds = connection.info.get(_LIMIT)
        if seconds is not None and statement.startswith("SELECT"):
            statement = f"/*M! SET STATEMENT max_statement_time={seconds:.3f} FOR */ {statement}"
        return statement, parameters

    event.listen(engine, "before_cursor_execute", limited, retval=True)


@contextmanager
def waiting_at_most(connection: Connection, seconds: float) -> Iterator[None]:
    """Have SQLite wait no longer for its lock, if that is less than it does by itself."""
    if connection.dialect.name != "sqlite" or seconds >= LOCK_WAIT_SECONDS:
        yield
        return
    _wait(connection, max(0.0, seconds))
    try:
        yield
    finally:
        _wait(connection, LOCK_WAIT_SECONDS)


def _wait(connection: Connection, seconds: float) -> None:
    driver: Any = connection.connection.driver_connection
    driver.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}").close()
