"""The database's clock, the only one that decides: UTC with microseconds, one spelling for every dialect."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import DateTime, select
from sqlalchemy.engine import Connection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

#: Name under which `db.engine` registers the clock with each SQLite connection.
SQLITE_CLOCK = "jobmon_utc_now"
SQLITE_SECONDS_LATER = "jobmon_seconds_later"


class now(FunctionElement[datetime]):  # noqa: N801 - reads as the SQL function it is
    """The present instant. In a locking SELECT it is read after the lock was got, so that instants follow commits."""

    type = DateTime()
    inherit_cache = True


@compiles(now, "sqlite")
def _now_sqlite(element: now, compiler: Any, **options: Any) -> str:
    return f"{SQLITE_CLOCK}()"


@compiles(now, "mysql")
@compiles(now, "mariadb")
def _now_mariadb(element: now, compiler: Any, **options: Any) -> str:
    # Not UTC_TIMESTAMP: that stands still from the start of the statement, however long the statement then
    # waits for its lock. The session's time zone is UTC (db.engine).
    return "SYSDATE(6)"


class seconds_later(FunctionElement[datetime]):  # noqa: N801 - reads as the SQL function it is
    """The instant so many seconds after another: `seconds_later(instant, seconds)`, both of the row if need be."""

    type = DateTime()
    inherit_cache = True


@compiles(seconds_later, "sqlite")
def _seconds_later_sqlite(element: seconds_later, compiler: Any, **options: Any) -> str:
    return f"{SQLITE_SECONDS_LATER}({compiler.process(element.clauses, **options)})"


@compiles(seconds_later, "mysql")
@compiles(seconds_later, "mariadb")
def _seconds_later_mariadb(element: seconds_later, compiler: Any, **options: Any) -> str:
    instant, seconds = (compiler.process(one, **options) for one in element.clauses)
    return f"TIMESTAMPADD(MICROSECOND, ROUND({seconds} * 1000000), {instant})"


_READ = select(now())


def read_clock(connection: Connection) -> datetime:
    """Return the database's present instant, a naive UTC datetime."""
    return connection.execute(_READ).scalar_one()


def seconds_after(instant: datetime, seconds: float) -> datetime:
    """Return the deadline that lies `seconds` after an instant of the database's clock."""
    return instant + timedelta(seconds=seconds)
