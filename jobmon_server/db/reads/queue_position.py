"""Where a task stands in its queue: how much is before it, how much there is in all."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, func, or_, select
from sqlalchemy.engine import Connection

from jobmon_server.db.core.planner_hints import by_index
from jobmon_server.db.core.rows import RowDict, fetch_rows
from jobmon_server.db.reads.lookups import is_current
from jobmon_server.db.schema.tables import array_batch, task, task_instance
from jobmon_server.errors import Unknown
from jobmon_server.fsm.task_instance import TASK_INSTANCE

#: Before every deadline: SQLite does not know IS NOT NULL as a range of an index.
_EVER = datetime(1000, 1, 1)  # noqa: DTZ001 - the database's instants are naive UTC
_other = task_instance.alias("other")
_others_batch = array_batch.alias("others_batch")


def read_position(connection: Connection, task_id: int) -> RowDict:
    """Return `ahead` and `total_active` of a task, in the cluster and queue of its live instance. Raises `Unknown`.

    A live instance that is not QUEUED is ahead of all that are; those are in the order in which they will be claimed.
    """
    found = fetch_rows(connection, _OF_TASK.where(task.c.id == task_id))
    if not found:
        raise Unknown("task", task_id)
    (place,) = found
    if place.pop("instance_status") in TASK_INSTANCE.live:
        # Counted by one statement, which sees one instant: between two of them instances move.
        counted = fetch_rows(connection, _COUNTED.where(task.c.id == task_id))
        place = next(iter(counted), place)
    is_waiting = place.pop("instance_status", None) is TASK_INSTANCE.initial
    claimed, waiting, before = (place.pop(name, 0) for name in ("claimed", "waiting", "before"))
    return {**place, "ahead": claimed + before if is_waiting else 0, "total_active": claimed + waiting}


def _count(index: str, *conditions: ColumnElement[bool]) -> ScalarSelect[Any]:
    """Count the instances of the same cluster and queue of which this holds, read by this index."""
    same_batch = (_others_batch.c.array_id == _other.c.array_id) & (
        _others_batch.c.batch_num == _other.c.batch_num
    )
    statement = (
        select(func.count())
        .select_from(_other.join(_others_batch, same_batch))
        .where(*conditions, _others_batch.c.queue == array_batch.c.queue)
    )
    return by_index(statement, _other, index).correlate(task_instance, array_batch).scalar_subquery()


_MY_BATCH = (array_batch.c.array_id == task_instance.c.array_id) & (
    array_batch.c.batch_num == task_instance.c.batch_num
)
_OF_TASK = select(
    task.c.id.label("task_id"),
    task.c.cluster,
    task.c.queue,
    task_instance.c.status.label("instance_status"),
).outerjoin_from(task, task_instance, is_current())
_IS_WAITING = _other.c.waiting_cluster == task_instance.c.cluster
_IS_BEFORE = or_(
    _other.c.priority > task_instance.c.priority,
    (_other.c.priority == task_instance.c.priority) & (_other.c.id < task_instance.c.id),
)
_IS_CLAIMED = (_other.c.report_by > _EVER) & (_other.c.cluster == task_instance.c.cluster)
_COUNTED = (
    select(
        task.c.id.label("task_id"),
        task_instance.c.cluster,
        array_batch.c.queue,
        task_instance.c.status.label("instance_status"),
        _count("ix_task_instance_claim", _IS_WAITING).label("waiting"),
        _count("ix_task_instance_claim", _IS_WAITING, _IS_BEFORE).label("before"),
        _count("ix_task_instance_report_by", _IS_CLAIMED).label("claimed"),
    )
    .join_from(task, task_instance, is_current())
    .join(array_batch, _MY_BATCH)
    .where(task_instance.c.status.in_(sorted(TASK_INSTANCE.live)))
)
