"""Instances that all stand in one status, none of them an orphan: locked with few columns, to be moved by one plan.

Whatever else a pair has counts in no plan of a claim or of a launch, so it is not fetched.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from itertools import product
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, bindparam, func, select
from sqlalchemy.engine import Connection

from jobmon_client.states import TaskInstanceStatus, TaskStatus
from jobmon_server.db.core import clock
from jobmon_server.db.core.guarded_update import with_ids
from jobmon_server.db.core.planner_hints import by_index
from jobmon_server.db.core.row_packing import Gathered, Packing
from jobmon_server.db.reads.ownership import within
from jobmon_server.db.schema.tables import task, task_instance
from jobmon_server.db.schema.tables_workflow import workflow_run
from jobmon_server.principal import Reach


class LockedInstance(NamedTuple):
    """An instance that is locked, since when it stands so, and the database's instant after the lock."""

    id: int
    task_id: int
    status_at: datetime
    orphan: bool
    now: datetime


class LockedQueued(NamedTuple):
    """The same of an instance that waits for a distributor, and its place in its array's batch."""

    id: int
    task_id: int
    status_at: datetime
    orphan: bool
    now: datetime
    distributor: str | None
    array_id: int
    batch_num: int
    array_step_id: int


Member = TypeVar("Member", LockedInstance, LockedQueued)


def _columns(record: type[LockedInstance | LockedQueued]) -> list[ColumnElement[Any]]:
    return [clock.now() if name == "now" else task_instance.c[name] for name in record._fields]


_PACKED = Packing(LockedInstance, _columns(LockedInstance))
_PACKED_WAITING = Packing(LockedQueued, _columns(LockedQueued))
_STATUS = bindparam("status", type_=task_instance.c.status.type)
_STANDING = by_index(
    select(Gathered(_PACKED.column))
    .select_from(task_instance)
    .where(with_ids(task_instance), task_instance.c.status == _STATUS)
    .with_for_update(),
    task_instance,
)
_TASK_STATUS = bindparam("status", type_=task.c.status.type)
_COUNTED: tuple[Any, ...] = (func.count(),)
_TASKS_STAND = (with_ids(task), task.c.status == _TASK_STATUS)
_COUNT_TASKS = by_index(
    select(*_COUNTED).select_from(task).where(*_TASKS_STAND).with_for_update(skip_locked=True), task
)
_FIND_TASKS = by_index(select(task.c.id).where(*_TASKS_STAND).with_for_update(skip_locked=True), task)
_WAITING = (
    select(_PACKED_WAITING.column)
    .where(task_instance.c.waiting_cluster == bindparam("cluster"))
    .order_by(task_instance.c.priority.desc(), task_instance.c.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_OF_RUNS = task_instance.c.workflow_run_id.in_(bindparam("run_ids", expanding=True))
_OF_ARRAY = task_instance.c.array_id == bindparam("array_id")
_CLAIM = "ix_task_instance_claim"
#: Whose instances a claiming statement looks at, and by which index: one in which no others stand between.
_WHOSE: dict[str, tuple[tuple[ColumnElement[bool], ...], str]] = {
    "anybody": ((), _CLAIM),
    "nobody": ((task_instance.c.owner.is_(None),), f"{_CLAIM}_owner"),
    "owner": ((task_instance.c.owner == bindparam("owner"),), f"{_CLAIM}_owner"),
    "group": ((task_instance.c.owner_group == bindparam("owner_group"),), f"{_CLAIM}_owner_group"),
}
#: By whose it is, and by whether it is limited to a workflow's runs, and to an array.
_CLAIMS = {
    (whose, *narrowed): by_index(
        _WAITING.where(
            *conditions,
            *(one for one, wanted in zip((_OF_RUNS, _OF_ARRAY), narrowed, strict=True) if wanted),
        ),
        task_instance,
        index,
    )
    for whose, (conditions, index) in _WHOSE.items()
    for narrowed in product((False, True), repeat=2)
}
# Asked for before the claim: a subquery of the claim might be locked with it.
_RUNS = select(workflow_run.c.id).where(workflow_run.c.workflow_id == bindparam("workflow_id"))


def lock_instances_in(
    connection: Connection,
    task_instance_ids: Sequence[int],
    status: TaskInstanceStatus,
    reach: Reach | None = None,
) -> list[LockedInstance]:
    """Lock those of these instances that stand in a status, in the order of their ids; at most `BATCH` of them.

    With a `reach` only those within it.
    """
    facts = {"ids": task_instance_ids, "status": status}
    statement = _STANDING if reach is None else _STANDING.where(within(task_instance, reach))
    return sorted(_PACKED.unpack_all(connection.execute(statement, facts).scalar_one()))


def claimable(
    connection: Connection,
    cluster: str,
    limit: int,
    workflow_id: int | None = None,
    array_id: int | None = None,
    reach: Reach | None = None,
) -> list[LockedQueued]:
    """Lock up to `limit` instances that wait for a distributor of `cluster`, by priority then id.

    With a workflow's id only those of its runs, with an array's only those of it, with a `reach` only those within it:
    of a group first those of the group, then what else the owner has. Rows that somebody else has locked are skipped,
    so that distributors do not wait for one another.
    """
    facts: dict[str, Any] = {"cluster": cluster}
    if workflow_id is not None:
        facts["run_ids"] = list(connection.execute(_RUNS, {"workflow_id": workflow_id}).scalars())
    if array_id is not None:
        facts["array_id"] = array_id
    found: dict[int, LockedQueued] = {}
    for whose, names in _looks(reach):
        if len(found) == limit:
            break
        statement = _CLAIMS[whose, workflow_id is not None, array_id is not None]
        # Rows that this very transaction has locked are not skipped: so many more are looked at.
        for row in connection.execute(statement, {**facts, **names, "limit": limit}):
            one = _PACKED_WAITING.unpack(row[0])
            if len(found) < limit:
                found.setdefault(one.id, one)
    return list(found.values())


def _looks(reach: Reach | None) -> list[tuple[str, dict[str, str]]]:
    """Return whose instances to look for, one after the other, and by which names."""
    if reach is None:
        return [("anybody", {})]
    own = ("nobody", {}) if reach.owner is None else ("owner", {"owner": reach.owner})
    return [own] if reach.owner_group is None else [("group", {"owner_group": reach.owner_group}), own]


def lock_tasks(connection: Connection, task_ids: Collection[int], status: TaskStatus) -> Collection[int]:
    """Lock those of these tasks that stand in a status and that nobody else has locked; their instances are locked."""
    facts = {"ids": list(task_ids), "status": status}
    if not facts["ids"] or connection.execute(_COUNT_TASKS, facts).scalar_one() == len(task_ids):
        return task_ids
    return set(connection.execute(_FIND_TASKS, facts).scalars())


def with_tasks(connection: Connection, found: Iterable[Member], status: TaskStatus) -> list[Member]:
    """Lock the tasks of instances that are no orphans; return the instances whose task stands in a status."""
    own = [one for one in found if not one.orphan]
    tasks = set(lock_tasks(connection, {one.task_id for one in own}, status))
    return [one for one in own if one.task_id in tasks]
