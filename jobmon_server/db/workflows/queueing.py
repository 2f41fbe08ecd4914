"""The rows that queueing makes: a batch, its instances, their first journal entries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, insert, literal, select, update
from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome, Reporter, TaskStatus
from jobmon_server.db.core.after_commit import count_after_commit
from jobmon_server.db.core.guarded_update import status_values, with_ids
from jobmon_server.db.core.planner_hints import by_index
from jobmon_server.db.core.row_packing import Gathered
from jobmon_server.db.core.transaction import LostRace
from jobmon_server.db.core.types import Id, StatusType
from jobmon_server.db.schema.tables import array, array_batch, task, task_instance
from jobmon_server.db.schema.tables_records import journal
from jobmon_server.db.schema.tables_workflow import workflow
from jobmon_server.db.workflows.dag import ReadyTask
from jobmon_server.db.workflows.workflow_locks import LockedWorkflow
from jobmon_server.fsm.task_instance import TASK_INSTANCE
from jobmon_server.shared_counters import CommittedMove


@dataclass(frozen=True, slots=True)
class QueuedBatch:
    """Instances queued together, in the order of their steps: one array, cluster, queue and resources."""

    array_id: int
    batch_num: int
    task_instance_ids: tuple[int, ...]


def add_batch(connection: Connection, locked: LockedWorkflow, tasks: Sequence[ReadyTask]) -> QueuedBatch:
    """Queue tasks of one array as its next batch, one new instance each; the workflow is locked."""
    if locked.run is None:
        raise ValueError("only a run queues tasks")
    array_id = tasks[0].array_id
    batch_num = _next_batch_num(connection, array_id)
    facts = {"workflow_run_id": locked.run.workflow_run_id, "batch_num": batch_num, "now": locked.now}
    connection.execute(_BATCHES, {**facts, "ids": [tasks[0].id]})
    _move_tasks(connection, locked, tasks)
    added = connection.execute(_INSTANCES, {**facts, "ids": [row.id for row in tasks]})
    if added.rowcount != len(tasks):
        raise LostRace
    _journal(connection, locked, array_id, batch_num)
    queued = CommittedMove(
        None, TASK_INSTANCE.initial, Outcome.APPLIED, Reporter.WORKFLOW_RUN, times=len(tasks)
    )
    count_after_commit(connection, queued)
    return QueuedBatch(array_id, batch_num, _ids(connection, array_id, batch_num))


def _next_batch_num(connection: Connection, array_id: int) -> int:
    connection.execute(
        update(array).where(array.c.id == array_id).values(last_batch_num=array.c.last_batch_num + 1)
    )
    statement = select(array.c.last_batch_num).where(array.c.id == array_id)
    return int(connection.execute(statement).scalar_one())


def _move_tasks(connection: Connection, locked: LockedWorkflow, tasks: Sequence[ReadyTask]) -> None:
    by_status: defaultdict[TaskStatus, list[int]] = defaultdict(list)
    for row in tasks:
        by_status[row.status].append(row.id)
    for was, ids in by_status.items():
        if connection.execute(_MOVE, {"ids": ids, "was": was, "now": locked.now}).rowcount != len(ids):
            raise LostRace


_IDS = with_ids(task)
_NOW = bindparam("now", type_=task.c.updated_at.type)
_MOVE = (
    update(task)
    .where(_IDS, task.c.status == bindparam("was", type_=task.c.status.type))
    .values(
        **status_values(TaskStatus.QUEUED, _NOW),
        num_attempts=task.c.num_attempts + 1,
        last_attempt=task.c.last_attempt + 1,
    )
)
_RUN, _NUMBER = bindparam("workflow_run_id", type_=Id), bindparam("batch_num", type_=Id)
_COMMON = ("array_id", "cluster", "queue", "requested_resources")
_BATCHES = insert(array_batch).from_select(
    [*_COMMON, "workflow_run_id", "batch_num"],
    select(*(task.c[name] for name in _COMMON), _RUN, _NUMBER).where(_IDS),
)
#: In the order in which tasks are queued.
_IN_ORDER = (task.c.priority.desc(), task.c.id)
_NEW: dict[str, Any] = {
    "task_id": task.c.id,
    "workflow_run_id": _RUN,
    "array_id": task.c.array_id,
    "batch_num": _NUMBER,
    "array_step_id": func.row_number().over(order_by=_IN_ORDER) - 1,
    "attempt": task.c.last_attempt,
    "status": literal(TASK_INSTANCE.initial, task_instance.c.status.type),
    "status_by": literal(Reporter.WORKFLOW_RUN.value),
    "cluster": task.c.cluster,
    "priority": task.c.priority,
    "owner": workflow.c.owner,
    "owner_group": workflow.c.owner_group,
    "queued_at": _NOW,
    "status_at": _NOW,
    "updated_at": _NOW,
}
_INSTANCES = insert(task_instance).from_select(
    list(_NEW),
    by_index(
        select(*(value.label(name) for name, value in _NEW.items()))
        .join_from(task, workflow, workflow.c.id == task.c.workflow_id)
        .where(_IDS)
        .order_by(*_IN_ORDER),
        task,
    ),
)


def _journal(connection: Connection, locked: LockedWorkflow, array_id: int, batch_num: int) -> None:
    """Write the first entry of every instance of a batch, `null → QUEUED`."""
    if locked.run is None:
        return
    queued = literal(TaskStatus.QUEUED, StatusType(TaskStatus))
    source = select(
        task_instance.c.id,
        task_instance.c.status,
        literal(Outcome.APPLIED.value),
        queued,
        literal(Reporter.WORKFLOW_RUN.value),
        literal(str(locked.run.workflow_run_id)),
        task_instance.c.queued_at,
    ).where(task_instance.c.array_id == array_id, task_instance.c.batch_num == batch_num)
    columns = ["task_instance_id", "wanted", "outcome", "task_to", "reporter", "reporter_id", "time"]
    connection.execute(insert(journal).from_select(columns, source))


def _ids(connection: Connection, array_id: int, batch_num: int) -> tuple[int, ...]:
    places = connection.execute(_STEPS, {"array_id": array_id, "batch_num": batch_num}).scalar_one()
    return tuple(one for _, one in sorted(places or ()))


_STEPS = select(Gathered(func.json_array(task_instance.c.array_step_id, task_instance.c.id))).where(
    task_instance.c.array_id == bindparam("array_id"), task_instance.c.batch_num == bindparam("batch_num")
)
