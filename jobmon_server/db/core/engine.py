"""Engines: what each database needs so that `transaction` can promise the same on both."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.pool import QueuePool

from jobmon_client.system.private_files import open_descriptor
from jobmon_server.db.core.clock import SQLITE_CLOCK, SQLITE_SECONDS_LATER, seconds_after
from jobmon_server.db.core.limits.linear_regex import matches
from jobmon_server.db.core.limits.search_slots import SearchSlots
from jobmon_server.db.core.limits.time_limit import LOCK_WAIT_SECONDS, limit_statements
from jobmon_server.settings.query_limits import QueryLimits

#: How long a connection is waited for, a driver waits for the server, in seconds.
POOL_WAIT_SECONDS = 5
CONNECT_SECONDS = 5
REPLY_SECONDS = 120
#: How long any statement may run on MariaDB: less than its driver waits, so that none goes on when nobody listens.
STATEMENT_SECONDS = 110
#: How long a value may be that MariaDB gathers of many rows: whatever its administrator sets, ours are not cut. A batch has
#: two names for each row, of which JSON may spell each character in six.
GATHERED_BYTES = 8 * 2**20
#: How many compiled statements are kept, beside those of `db.kept`.
KEPT_STATEMENTS = 1_000


def make_engine(url: str | URL, pool_size: int = 10, limits: QueryLimits | None = None) -> Engine:
    """Make the engine of one process; `pool_size` connections at most, so give at least one for each thread.

    Make it after fork: connections must not be shared between processes.
    """
    parsed = make_url(url)
    options = _options(limits or QueryLimits())
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed, pool_size, options)
    from jobmon_server.db.core.tls import prefer_tls

    engine = create_engine(
        parsed.update_query_dict({"charset": "utf8mb4"}),
        isolation_level="READ COMMITTED",
        execution_options=options,
        pool_size=pool_size,
        query_cache_size=KEPT_STATEMENTS,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS,
        # `transaction` ends every transaction itself; a ROLLBACK at each return would be one more round trip.
        pool_reset_on_return=None,
        pool_recycle=1800,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": REPLY_SECONDS,
            "write_timeout": REPLY_SECONDS,
            "init_command": "SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',"
            f" innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS}, group_concat_max_len = {GATHERED_BYTES}"
            f" /*M! , max_statement_time = {STATEMENT_SECONDS} */",
        },
    )
    prefer_tls(engine)
    limit_statements(engine)
    return engine


def _options(limits: QueryLimits) -> dict[str, Any]:
    """Return what is found at every connection of the engine."""
    return {
        "query_seconds": limits.query_seconds,
        "pattern_seconds": limits.pattern_seconds,
        "search_slots": SearchSlots(limits.searches),
    }


def _sqlite_engine(url: URL, pool_size: int, options: dict[str, Any]) -> Engine:
    engine = create_engine(
        url,
        execution_options=options,
        poolclass=QueuePool,
        pool_size=pool_size,
        query_cache_size=KEPT_STATEMENTS,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS,
        pool_reset_on_return=None,
        connect_args={"check_same_thread": False, "timeout": LOCK_WAIT_SECONDS},
    )
    event.listen(engine, "do_connect", _make_file)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_file(_dialect: Any, _record: Any, arguments: Sequence[Any], _options: Any) -> None:
    """Make the database's file for its user alone; SQLite gives the files beside it the same mode.

    What cannot be made, and a name that is none of a file (`:memory:`, `file:`), is left to SQLite.
    """
    name = str(arguments[0]) if arguments else ""
    if name in {"", ":memory:"} or name.startswith("file:"):
        return
    with suppress(OSError):
        os.close(open_descriptor(Path(name).resolve(), os.O_RDWR | os.O_CREAT | os.O_EXCL))


def _prepare_sqlite(connection: Any, record: Any) -> None:
    # The driver's own BEGIN comes too late and is not IMMEDIATE: `_begin_sqlite` says it instead.
    connection.isolation_level = None
    connection.create_function(SQLITE_CLOCK, 0, _utc_now_text)
    # In the place of the driver's own, by `re`, which a pattern can keep busy for as long as it likes.
    connection.create_function("regexp", 2, matches, deterministic=True)
    connection.create_function(SQLITE_SECONDS_LATER, 2, _seconds_later_text, deterministic=True)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _utc_now_text() -> str:
    # SQLite has no clock of microseconds: this is the one that `db.clock` reads through SQL.
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")  # noqa: TID251


def _seconds_later_text(instant: str | None, seconds: float | None) -> str | None:
    if instant is None or seconds is None:
        return None
    return seconds_after(datetime.fromisoformat(instant), seconds).strftime("%Y-%m-%d %H:%M:%S.%f")


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock at once: FOR UPDATE means nothing to SQLite.
    options = connection.get_execution_options()
    if not options.get("without_transaction", False):
        connection.exec_driver_sql("BEGIN" if options.get("read_only", False) else "BEGIN IMMEDIATE")
