"""Leases: who of many server processes does what only one should do. Held for a term, by the database's clock.

A lease also remembers until when anybody led, and for how long in all: whoever leads again after longer than a term is *back*,
and what had a deadline meanwhile could not be kept by anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from jobmon_server.db.core import clock
from jobmon_server.db.core.transaction import LostRace
from jobmon_server.db.schema.tables_records import lease

#: Who led last: a process that holds the lease, or one pass that took none.
PROCESS, ONE_PASS = "process", "once"


@dataclass(frozen=True, slots=True)
class Lead:
    """The right to lead, until an instant of the database's clock.

    `term` rises with each new holder; `led_seconds` is for how long all have led; `back_at` is since when a leader is back
    after longer than a term, for as long as `settle_return` has not been said.
    """

    term: int
    until: datetime
    led_seconds: float
    back_at: datetime | None


def acquire(connection: Connection, name: str, holder: str, seconds: float) -> Lead | None:
    """Take or renew a lease of so many `seconds`; None while another holds it."""
    row = _lock(connection, name)
    if row.holder not in {None, holder} and row.expires_at >= row.now:
        return None
    term: int = row.term if row.holder == holder else row.term + 1
    held = {"holder": holder, "term": term, "expires_at": clock.seconds_after(row.now, seconds)}
    return _lead(connection, row, seconds, PROCESS, held)


def lead_once(connection: Connection, name: str, seconds: float) -> Lead:
    """Lead for one pass, whoever holds the lease; it counts as having led since the pass before."""
    return _lead(connection, _lock(connection, name), seconds, ONE_PASS, {})


def _lead(connection: Connection, row: Row[Any], seconds: float, by: str, held: dict[str, Any]) -> Lead:
    since = None if row.led_at is None else (row.now - row.led_at).total_seconds()
    is_back = since is None or (since > seconds and not by == row.led_by == ONE_PASS)
    led = float(row.led_seconds) + (0.0 if is_back else max(0.0, since or 0.0))
    back_at = row.now if is_back else row.back_at
    values = {"led_at": row.now, "led_by": by, "led_seconds": led, "back_at": back_at, **held}
    connection.execute(update(lease).where(lease.c.name == row.name).values(values))
    return Lead(held.get("term", row.term), clock.seconds_after(row.now, seconds), led, back_at)


def settle_return(connection: Connection, name: str, back_at: datetime) -> None:
    """What a leader had to do first that was back at this instant is done."""
    statement = update(lease).where(lease.c.name == name, lease.c.back_at == back_at)
    connection.execute(statement.values(back_at=None))


def _lock(connection: Connection, name: str) -> Row[Any]:
    statement = select(lease, clock.now().label("now")).where(lease.c.name == name).with_for_update()
    row = connection.execute(statement).one_or_none()
    if row is None:
        _add(connection, name)
        row = connection.execute(statement).one()
    return row


def _add(connection: Connection, name: str) -> None:
    try:
        connection.execute(insert(lease).values(name=name))
    except IntegrityError as taken:
        raise LostRace from taken


def release(connection: Connection, name: str, holder: str) -> None:
    """Give a lease back, so that the next need not wait for its end."""
    row = _lock(connection, name)
    if row.holder != holder:
        return
    led = max(0.0, (row.now - row.led_at).total_seconds()) if row.led_at is not None else 0.0
    values = {"holder": None, "expires_at": None, "led_at": row.now, "led_seconds": row.led_seconds + led}
    connection.execute(update(lease).where(lease.c.name == name).values(values))
