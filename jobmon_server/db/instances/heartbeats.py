"""Deadlines of many instances extended by one guarded write; their rows are not fetched, and their tasks are let be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, bindparam, case, func, select, update
from sqlalchemy.engine import Connection

from jobmon_server.db.core import clock
from jobmon_server.db.core.guarded_update import with_ids
from jobmon_server.db.core.planner_hints import by_index
from jobmon_server.db.core.transaction import LostRace
from jobmon_server.db.reads.ownership import within
from jobmon_server.db.schema.tables import task_instance
from jobmon_server.fsm.task_instance import EXTENDED_BY_BATCH
from jobmon_server.principal import Reach

#: Of so many owners and groups a process keeps the statements ready.
MOST_REACHES = 256
_ORDINARY = (
    with_ids(task_instance),
    task_instance.c.status.in_(EXTENDED_BY_BATCH),
    task_instance.c.pending_commands == 0,
)
_COUNTED: tuple[Any, ...] = (func.count().label("number"), func.max(clock.now()).label("now"))


@lru_cache(maxsize=MOST_REACHES)
def _statements(reach: Reach | None) -> tuple[Select[Any], Select[Any]]:
    """Return what locks and counts the ordinary ones of some ids, and what finds which they are."""
    ordinary = _ORDINARY if reach is None else (*_ORDINARY, within(task_instance, reach))
    lock = select(*_COUNTED).select_from(task_instance).where(*ordinary).with_for_update()
    # Waits for nobody: what has become ordinary since the lock may have a smaller id than some that are held.
    find = select(task_instance.c.id).where(*ordinary).order_by(task_instance.c.id)
    find = find.with_for_update(skip_locked=True)
    return by_index(lock, task_instance), by_index(find, task_instance)


_NOW = bindparam("now", type_=task_instance.c.updated_at.type)
_DEADLINE = bindparam("deadline", type_=task_instance.c.report_by.type)
_IS_FORWARD = task_instance.c.report_by < _DEADLINE
_CONTACT = bindparam("contact", type_=task_instance.c.contact_until.type)
# Null stays null: a worker that goes on out of touch keeps no contact, and before a worker there is none.
_STAYS_IN_CONTACT = case(
    (task_instance.c.contact_until < _CONTACT, _CONTACT), else_=task_instance.c.contact_until
)


def _forward(column: Any, value: Any) -> tuple[Any, Any]:
    return column, case((_IS_FORWARD, value), else_=column)


# The increment goes first: MariaDB assigns from left to right, and asks for the deadline as it stands by then.
_EXTEND = (
    update(task_instance)
    .where(*_ORDINARY)
    .ordered_values(
        _forward(task_instance.c.next_report_increment, bindparam("increment")),
        _forward(task_instance.c.report_by, _DEADLINE),
        (task_instance.c.contact_until, _STAYS_IN_CONTACT),
        (task_instance.c.heartbeat_at, _NOW),
        (task_instance.c.updated_at, _NOW),
    )
)


def lock_ordinary(
    connection: Connection, ids: Sequence[int], reach: Reach | None = None
) -> tuple[Sequence[int], datetime | None]:
    """Lock those of the ids, by id, whose heartbeat only extends a deadline; also the instant after the lock.

    Ordinary is what a batch extends by the table, has no command to be told, and is within `reach`. At most `BATCH` ids.
    """
    lock, find = _statements(reach)
    found = connection.execute(lock, {"ids": ids}).one()
    if found.number in {0, len(ids)}:
        return ids if found.number else (), found.now
    return connection.execute(find, {"ids": ids}).scalars().all(), found.now


def extend(
    connection: Connection, ids: Sequence[int], now: datetime, increment: float, contact_seconds: float
) -> None:
    """Give ordinary instances, which are locked, their next deadline, unless theirs is later. Raises `LostRace`.

    Those of which contact is kept are in contact for `contact_seconds` from now.
    """
    contact = clock.seconds_after(now, contact_seconds)
    deadline = clock.seconds_after(now, increment)
    facts = {"now": now, "deadline": deadline, "increment": increment, "contact": contact}
    if connection.execute(_EXTEND, {"ids": ids, **facts}).rowcount != len(ids):
        raise LostRace
