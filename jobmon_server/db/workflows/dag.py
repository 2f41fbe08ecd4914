"""Passing DONE on along the edges, and choosing what to queue. All under the workflow's lock."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, bindparam, func, select, type_coerce, update
from sqlalchemy.engine import Connection

from jobmon_client.states import TaskStatus
from jobmon_server.db.core.guarded_update import among_ids, with_ids
from jobmon_server.db.core.planner_hints import by_index
from jobmon_server.db.core.rows import BATCH, chunks
from jobmon_server.db.core.types import FreeText
from jobmon_server.db.schema.tables import edge, task, task_instance
from jobmon_server.fsm.task import LIVE, QUEUEABLE
from jobmon_server.fsm.task_instance import TASK_INSTANCE

_UNRELEASED = by_index(
    select(task.c.id)
    .where(
        task.c.workflow_id == bindparam("workflow_id"),
        task.c.status == TaskStatus.DONE,
        task.c.released == 0,
    )
    .limit(BATCH),
    task,
    "ix_task_schedule",
)
_RELEASED = select(task.c.id).where(with_ids(task), task.c.released)
_SET_RELEASED = update(task).where(with_ids(task)).values(released=bindparam("is_released"))
_DOWNSTREAMS = select(edge.c.downstream_id).where(among_ids(edge.c.upstream_id))
_STEP = (
    update(task)
    .where(with_ids(task))
    .values(upstreams_left=task.c.upstreams_left + bindparam("step", type_=task.c.upstreams_left.type))
)


def release_done(connection: Connection, workflow_id: int) -> int:
    """Tell the downstreams of every DONE task that has not told them yet; return how many tasks did.

    The cost follows the edges of those tasks, not the size of the workflow.
    """
    released = 0
    while ids := _unreleased(connection, workflow_id):
        _count_down(connection, ids, -1)
        connection.execute(_SET_RELEASED, {"ids": ids, "is_released": True})
        released += len(ids)
    return released


def take_back(connection: Connection, task_ids: Iterable[int]) -> None:
    """Undo what released tasks told their downstreams: they are to run again."""
    ids = sorted(task_ids)
    for batch in chunks(ids):
        told = list(connection.execute(_RELEASED, {"ids": batch}).scalars())
        _count_down(connection, told, 1)
        connection.execute(_SET_RELEASED, {"ids": told, "is_released": False})


def forget(connection: Connection, task_ids: Sequence[int]) -> None:
    """Have nobody wait any more for tasks that are about to go."""
    statement = select(task.c.id).where(task.c.id.in_(task_ids), ~task.c.released)
    _count_down(connection, list(connection.execute(statement).scalars()), -1)


def is_downstream_of(task_id: int) -> ColumnElement[bool]:
    """Return the condition that a task waits for this one directly."""
    return task.c.id.in_(select(edge.c.downstream_id).where(edge.c.upstream_id == task_id))


def downstreams(connection: Connection, task_ids: Iterable[int]) -> list[int]:
    """Return the tasks that wait for any of these directly, by id."""
    found: set[int] = set()
    for batch in chunks(sorted(task_ids)):
        found.update(connection.execute(_DOWNSTREAMS, {"ids": batch}).scalars())
    return sorted(found)


def descendants(connection: Connection, task_ids: Sequence[int]) -> list[list[int]]:
    """Return all other tasks that wait for these, directly or not: in layers, each task in the first it is met in."""
    seen = set(task_ids)
    layers: list[list[int]] = []
    layer = list(task_ids)
    while layer := [one for one in downstreams(connection, layer) if one not in seen]:
        seen.update(layer)
        layers.append(layer)
    return layers


def _unreleased(connection: Connection, workflow_id: int) -> list[int]:
    return sorted(connection.execute(_UNRELEASED, {"workflow_id": workflow_id}).scalars())


def _count_down(connection: Connection, upstream_ids: list[int], step: int) -> None:
    if not upstream_ids:
        return
    _step(connection, connection.execute(_DOWNSTREAMS, {"ids": upstream_ids}).scalars(), step)


def wait_for_fewer(connection: Connection, downstream_ids: Iterable[int]) -> None:
    """Let each task wait for one upstream less, as often as it is given."""
    _step(connection, downstream_ids, -1)


def _step(connection: Connection, downstream_ids: Iterable[int], step: int) -> None:
    finished = Counter(downstream_ids)
    by_count: defaultdict[int, list[int]] = defaultdict(list)
    for downstream_id, count in finished.items():
        by_count[count].append(downstream_id)
    for count, ids in by_count.items():
        for batch in chunks(sorted(ids)):
            connection.execute(_STEP, {"ids": batch, "step": step * count})


_DUE = by_index(
    select(task.c.id)
    .where(
        task.c.workflow_id == bindparam("workflow_id"),
        task.c.status == bindparam("status"),
        task.c.released == 0,
        task.c.upstreams_left == 0,
        task.c.ready_at <= bindparam("now", type_=task.c.ready_at.type),
    )
    .order_by(task.c.ready_at)
    .limit(BATCH),
    task,
    "ix_task_schedule",
)
_WAKE = update(task).where(with_ids(task), task.c.ready_at.is_not(None)).values(ready_at=None)


def wake_due(connection: Connection, workflow_id: int, now: datetime) -> None:
    """End the delay of every task that has waited for its time: each is written once, those that wait on are not read."""
    for status in sorted(QUEUEABLE):
        facts = {"workflow_id": workflow_id, "status": status, "now": now}
        while ids := sorted(connection.execute(_DUE, facts).scalars()):
            connection.execute(_WAKE, {"ids": ids})


def end_delays(connection: Connection, workflow_id: int) -> None:
    """End the delay of every task of a workflow, whatever its time."""
    for status in sorted(QUEUEABLE):
        delayed = update(task).where(
            task.c.workflow_id == workflow_id, task.c.status == status, task.c.ready_at.is_not(None)
        )
        connection.execute(delayed.values(ready_at=None))


class ReadyTask(NamedTuple):
    """A task that can be queued: where it stands in the queue, and what its batch must have in common with it."""

    id: int
    status: TaskStatus
    priority: int
    array_id: int
    cluster: str
    queue: str
    #: As it is stored: equal documents are equal text.
    requested_resources: str | None


def ready_tasks(
    connection: Connection, workflow_id: int, limit: int, full_arrays: Iterable[int]
) -> list[ReadyTask]:
    """Return up to `limit` tasks that can be queued now, by priority (higher first), then id.

    Left out: tasks of `full_arrays`, and a task whose stopped instance still lives: it never has two.
    """
    facts = {"workflow_id": workflow_id, "full": list(full_arrays), "limit": limit}
    ready = [
        ReadyTask(row.id, status, *row[1:])
        for status in sorted(QUEUEABLE)
        for row in connection.execute(_READY, {**facts, "status": status})
    ]
    return sorted(ready, key=lambda one: (-one.priority, one.id))[:limit]


_READY = by_index(
    select(
        task.c.id,
        task.c.priority,
        task.c.array_id,
        task.c.cluster,
        task.c.queue,
        type_coerce(task.c.requested_resources, FreeText),
    )
    .outerjoin(
        task_instance,
        (task_instance.c.task_id == task.c.id) & (task_instance.c.attempt == task.c.last_attempt),
    )
    .where(
        task.c.workflow_id == bindparam("workflow_id"),
        task.c.status == bindparam("status"),
        task.c.released == 0,
        task.c.upstreams_left == 0,
        # What was in its delay and is no more has been woken under the same lock.
        task.c.ready_at.is_(None),
        task.c.array_id.not_in(bindparam("full", expanding=True)),
        task_instance.c.id.is_(None) | task_instance.c.status.in_(TASK_INSTANCE.terminal),
    )
    .order_by(task.c.priority.desc(), task.c.id)
    .limit(bindparam("limit")),
    task,
    "ix_task_schedule",
)


def count_live(connection: Connection, workflow_id: int) -> int:
    """Return how many tasks of a workflow count against its limit."""
    statement = select(func.count()).where(task.c.workflow_id == workflow_id, task.c.status.in_(LIVE))
    return connection.execute(statement).scalar_one()


def count_live_by_array(connection: Connection, workflow_id: int) -> dict[int, int]:
    """Return how many tasks of each array count against its limit."""
    statement = (
        select(task.c.array_id, func.count().label("live"))
        .where(task.c.workflow_id == workflow_id, task.c.status.in_(LIVE))
        .group_by(task.c.array_id)
    )
    return {row.array_id: row.live for row in connection.execute(statement)}
