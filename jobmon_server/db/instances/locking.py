"""Task instances with their tasks: locked together, moved together.

Lock order: instances by id, then tasks. One instance takes one locking join, a batch two statements on the primary
keys (MariaDB has no `FOR UPDATE OF`: a join would lock both tables row by row, interleaved). Who locks many never waits
for a task: docs/adr/0003-lock-order.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

from sqlalchemy import Select, Table, bindparam, func, select
from sqlalchemy.engine import Connection, Row

from jobmon_client.states import Reporter
from jobmon_server.db.core import clock
from jobmon_server.db.core.guarded_update import with_ids
from jobmon_server.db.core.planner_hints import by_index
from jobmon_server.db.core.prepared import PreparedStatement
from jobmon_server.db.instances.assignments import OF_INSTANCE, OF_TASK, assignment_of
from jobmon_server.db.instances.rows import (
    INSTANCE,
    INSTANCES,
    OWN,
    TASK,
    TASKS,
    InstanceRow,
    TaskRow,
    pair_of_row,
)
from jobmon_server.db.schema.tables import task, task_instance
from jobmon_server.fsm.plan import By, Pair


# Not frozen, as are no others that are made for each report: that would take three times as long.
@dataclass(slots=True)
class Locked:
    """One instance and its task as they stand, both rows locked; `now` is the database's instant after the lock."""

    task_instance_id: int
    task_id: int
    workflow_id: int
    array_step_id: int
    attempt: int
    pair: Pair
    report_by: datetime | None
    next_report_increment: float | None
    distributor: str | None
    is_started: bool
    now: datetime
    assignment: dict[str, Any] | None = None
    status_at: datetime | None = None
    pending_commands: int = 0
    metric_samples: int = 0
    has_retry_delay: bool = False
    contact_until: datetime | None = None
    held_seconds: float | None = None
    lost_contact: str | None = None
    owner: str | None = None
    owner_group: str | None = None


@dataclass(frozen=True, slots=True)
class LockedMany:
    """What locking many got: the pairs by instance id, and the instances whose task another transaction has just now."""

    pairs: dict[int, Locked]
    passed_over: tuple[int, ...] = ()


def _one(columns: Sequence[Any], *, wait: bool) -> Select[Any]:
    return (
        select(INSTANCE.column, TASK.column, *columns)
        .join_from(task_instance, task, task.c.id == task_instance.c.task_id)
        .where(task_instance.c.id == bindparam("task_instance_id"))
        .with_for_update(skip_locked=not wait)
    )


def _many(table: Table, packed: Any, columns: Sequence[Any], *, wait: bool) -> Select[Any]:
    statement = (
        select(packed, *columns)
        .where(with_ids(table))
        .order_by(table.c.id)
        .with_for_update(skip_locked=not wait)
    )
    return by_index(statement, table)


_BOTH = (False, True)
#: By whether what a worker needs is fetched too, and whether a row that is locked is waited for.
_LOCK_ONE = {
    (assigned, wait): PreparedStatement(_one((*OF_INSTANCE, *OF_TASK) if assigned else (), wait=wait))
    for assigned, wait in product(_BOTH, _BOTH)
}
_LOCK_INSTANCES = {
    wait: PreparedStatement(_many(task_instance, INSTANCE.column, OF_INSTANCE, wait=wait)) for wait in _BOTH
}
_LOCK_TASKS = PreparedStatement(_many(task, TASK.column, OF_TASK, wait=False))
#: All rows as one value: no ORDER BY is needed, the index that is named gives them by id.
_LIST_INSTANCES = {
    wait: PreparedStatement(
        by_index(
            select(INSTANCES, func.max(clock.now()))
            .where(with_ids(task_instance))
            .with_for_update(skip_locked=not wait),
            task_instance,
        )
    )
    for wait in _BOTH
}
_LIST_TASKS = PreparedStatement(
    by_index(select(TASKS).where(with_ids(task)).with_for_update(skip_locked=True), task)
)


def lock(
    connection: Connection, task_instance_id: int, *, assignment: bool = False, wait: bool = True
) -> Locked | None:
    """Lock one instance and its task in one statement; None when there is no such instance.

    `assignment` fetches, by the same statement, what a worker needs to start the command. Without `wait` None is the
    answer, too, where either is locked by somebody else.
    """
    rows = _LOCK_ONE[assignment, wait].rows(connection, {"task_instance_id": task_instance_id})
    if not rows:
        return None
    instance, its_task, *assigned = rows[0]
    was, task_was = INSTANCE.unpack(instance), TASK.unpack(its_task)
    return _locked(was, task_was, was.now, assignment_of(was, task_was, assigned) if assignment else None)


def lock_many(
    connection: Connection, task_instance_ids: Iterable[int], *, assignment: bool = False, wait: bool = True
) -> LockedMany:
    """Lock the instances that exist, by id, then their tasks: two statements; at most `BATCH` ids.

    An instance alone is waited for with its task. Among many, those whose task is locked elsewhere are passed over:
    a settle takes tasks as the edges lead, and whoever waited for it with tasks in hand could be waited for by it.
    Without `wait` an instance that is locked is passed over too, and so is one that does not exist.
    """
    ids = sorted(set(task_instance_ids))
    if len(ids) == 1:
        was = lock(connection, ids[0], assignment=assignment, wait=wait)
        return LockedMany({ids[0]: was} if was else {}, () if was or wait else tuple(ids))
    if not ids:
        return LockedMany({})
    if assignment:
        locked = _with_tasks(connection, _LOCK_INSTANCES[wait].rows(connection, {"ids": ids}))
    else:
        locked = _listed(connection, ids, wait=wait)
    if wait:
        return locked
    return LockedMany(locked.pairs, tuple(one for one in ids if one not in locked.pairs))


def _listed(connection: Connection, ids: Sequence[int], *, wait: bool) -> LockedMany:
    """Lock them without what a start needs. Those that stand alike have one and the same `Pair`."""
    ((instances, now),) = _LIST_INSTANCES[wait].rows(connection, {"ids": ids})
    if not instances:
        return LockedMany({})
    task_ids = sorted({row[1] for row in instances})
    ((its_tasks,),) = _LIST_TASKS.rows(connection, {"ids": task_ids})
    tasks = {row[0]: row for row in its_tasks or ()}
    pairs: dict[int, Locked] = {}
    passed_over: list[int] = []
    alike: dict[tuple[Any, ...], Pair] = {}
    for row in instances:
        one, task_id, step, attempt, since, due, increment, distributor, is_started, *more = row[:OWN]
        *counts, contact, held, owner, owner_group = more
        if task_id not in tasks:
            passed_over.append(one)
            continue
        _, workflow_id, retry_seconds, lost_contact, *task_standing = tasks[task_id]
        report_by = due and datetime.fromisoformat(due)
        contact_until = contact and datetime.fromisoformat(contact)
        by_clock = (report_by is not None and report_by < now, bool(contact_until) and now < contact_until)
        standing = (*row[OWN:], *task_standing, *by_clock)
        pair = alike.get(standing)
        if pair is None:
            pair = alike[standing] = pair_of_row(standing)
        own = (report_by, increment, distributor, bool(is_started), now, None, datetime.fromisoformat(since))
        rest = (*counts, retry_seconds is not None, contact_until, held, lost_contact, owner, owner_group)
        pairs[one] = Locked(one, task_id, workflow_id, step, attempt, pair, *own, *rest)
    return LockedMany(pairs, tuple(passed_over))


def _with_tasks(connection: Connection, instances: Sequence[tuple[Any, ...]]) -> LockedMany:
    """Lock the tasks of instances that are locked, and return what a start needs with them."""
    if not instances:
        return LockedMany({})
    rows = [(INSTANCE.unpack(row[0]), row[1:]) for row in instances]
    task_ids = sorted({was.task_id for was, _ in rows})
    found = _LOCK_TASKS.rows(connection, {"ids": task_ids})
    tasks = {one.id: (one, row[1:]) for row in found for one in (TASK.unpack(row[0]),)}
    # One instant for all: what a batch writes is then alike, and is written set-based.
    now = max(was.now for was, _ in rows)
    pairs: dict[int, Locked] = {}
    passed_over: list[int] = []
    for was, assigned in rows:
        if was.task_id not in tasks:
            passed_over.append(was.id)
            continue
        its_task, task_assigned = tasks[was.task_id]
        told = assignment_of(was, its_task, (*assigned, *task_assigned))
        pairs[was.id] = _locked(was, its_task, now, told)
    return LockedMany(pairs, tuple(passed_over))


def pair_of(instance: InstanceRow | Row[Any], its_task: TaskRow | Row[Any]) -> Pair:
    """Return what is planned from: `instance` with the database's `now`, its task's status as `task_status`."""
    reporter = Reporter(instance.status_by)
    return Pair(
        task_instance=instance.status,
        task=its_task.task_status,
        num_attempts=its_task.num_attempts,
        max_attempts=its_task.max_attempts,
        num_refunds=its_task.num_refunds,
        worker_id=instance.worker_id,
        status_by=By(reporter, instance.worker_id if reporter is Reporter.WORKER else None),
        orphan=instance.orphan,
        requeue=instance.requeue,
        overdue=instance.report_by is not None and instance.report_by < instance.now,
        in_contact=instance.contact_until is not None and instance.now < instance.contact_until,
    )


def _locked(
    instance: InstanceRow, its_task: TaskRow, now: datetime, assignment: dict[str, Any] | None
) -> Locked:
    return Locked(
        task_instance_id=instance.id,
        task_id=instance.task_id,
        workflow_id=its_task.workflow_id,
        array_step_id=instance.array_step_id,
        attempt=instance.attempt,
        pair=pair_of(instance, its_task),
        report_by=instance.report_by,
        next_report_increment=instance.next_report_increment,
        distributor=instance.distributor,
        is_started=instance.started_at is not None,
        now=now,
        assignment=assignment,
        status_at=instance.status_at,
        pending_commands=instance.pending_commands,
        metric_samples=instance.metric_samples,
        has_retry_delay=its_task.retry_seconds is not None,
        contact_until=instance.contact_until,
        held_seconds=instance.held_seconds,
        lost_contact=its_task.lost_contact,
        owner=instance.owner,
        owner_group=instance.owner_group,
    )
