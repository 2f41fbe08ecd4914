"""Leases: who of many server processes does what only one should do. Held for a term, by the database's clock."""

from __future__ import annotations

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from jobmon_server.db.core import clock
from jobmon_server.db.core.transaction import LostRace
from jobmon_server.db.schema.tables_records import lease


def acquire(connection: Connection, name: str, holder: str, seconds: float) -> int | None:
    """Take or renew a lease; return its term, which rises with each new holder, or None while another holds it."""
    statement = select(lease, clock.now().label("now")).where(lease.c.name == name).with_for_update()
    row = connection.execute(statement).one_or_none()
    if row is None:
        _add(connection, name)
        row = connection.execute(statement).one()
    if row.holder not in {None, holder} and row.expires_at >= row.now:
        return None
    term: int = row.term if row.holder == holder else row.term + 1
    values = {"holder": holder, "term": term, "expires_at": clock.seconds_after(row.now, seconds)}
    connection.execute(update(lease).where(lease.c.name == name).values(values))
    return term


def _add(connection: Connection, name: str) -> None:
    try:
        connection.execute(insert(lease).values(name=name))
    except IntegrityError as taken:
        raise LostRace from taken


def release(connection: Connection, name: str, holder: str) -> None:
    """Give a lease back, so that the next need not wait for its end."""
    statement = update(lease).where(lease.c.name == name, lease.c.holder == holder)
    connection.execute(statement.values(holder=None, expires_at=None))
