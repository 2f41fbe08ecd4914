"""The rows that queueing makes: a batch, its instances, their first journal entries."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, literal, select, update
from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome, Reporter, TaskStatus
from jobmon_server.db.models import array, array_batch, task, task_instance
from jobmon_server.db.models_records import journal
from jobmon_server.db.noted import note
from jobmon_server.db.transaction import LostRace
from jobmon_server.db.types import StatusType
from jobmon_server.db.workflows import LockedWorkflow
from jobmon_server.fsm.task_instance import TASK_INSTANCE
from jobmon_server.tally import Noted


@dataclass(frozen=True, slots=True)
class Batch:
    """Instances queued together, in the order of their steps: one array, cluster, queue and resources."""

    array_id: int
    batch_num: int
    task_instance_ids: tuple[int, ...]


def add_batch(connection: Connection, locked: LockedWorkflow, array_id: int, tasks: list[Row[Any]]) -> Batch:
    """Queue tasks of one array as its next batch, one new instance each; the workflow is locked."""
    if locked.run is None:
        raise ValueError("only a run queues tasks")
    batch_num = _next_batch_num(connection, array_id)
    first = tasks[0]
    connection.execute(
        insert(array_batch).values(
            array_id=array_id,
            batch_num=batch_num,
            workflow_run_id=locked.run.workflow_run_id,
            cluster=first.cluster,
            queue=first.queue,
            requested_resources=first.requested_resources,
        )
    )
    _move_tasks(connection, locked, tasks)
    run_id = locked.run.workflow_run_id
    rows = [_instance(locked, run_id, batch_num, step, row) for step, row in enumerate(tasks)]
    connection.execute(insert(task_instance), rows)
    _journal(connection, locked, array_id, batch_num)
    queued = Noted(None, TASK_INSTANCE.initial, Outcome.APPLIED, Reporter.WORKFLOW_RUN, times=len(rows))
    note(connection, queued)
    return Batch(array_id, batch_num, _ids(connection, array_id, batch_num))


def _next_batch_num(connection: Connection, array_id: int) -> int:
    connection.execute(
        update(array).where(array.c.id == array_id).values(last_batch_num=array.c.last_batch_num + 1)
    )
    statement = select(array.c.last_batch_num).where(array.c.id == array_id)
    return int(connection.execute(statement).scalar_one())


def _move_tasks(connection: Connection, locked: LockedWorkflow, tasks: list[Row[Any]]) -> None:
    by_status: defaultdict[TaskStatus, list[int]] = defaultdict(list)
    for row in tasks:
        by_status[row.status].append(row.id)
    for was, ids in by_status.items():
        statement = (
            update(task)
            .where(task.c.id.in_(sorted(ids)), task.c.status == was)
            .values(
                status=TaskStatus.QUEUED,
                num_attempts=task.c.num_attempts + 1,
                last_attempt=task.c.last_attempt + 1,
                updated_at=locked.now,
            )
        )
        if connection.execute(statement).rowcount != len(ids):
            raise LostRace


def _instance(
    locked: LockedWorkflow, run_id: int, batch_num: int, step: int, row: Row[Any]
) -> dict[str, Any]:
    return {
        "task_id": row.id,
        "workflow_run_id": run_id,
        "array_id": row.array_id,
        "batch_num": batch_num,
        "array_step_id": step,
        "attempt": row.last_attempt + 1,
        "status": TASK_INSTANCE.initial,
        "status_by": Reporter.WORKFLOW_RUN.value,
        "cluster": row.cluster,
        "priority": row.priority,
        "queued_at": locked.now,
        "status_at": locked.now,
        "updated_at": locked.now,
    }


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
    statement = (
        select(task_instance.c.id)
        .where(task_instance.c.array_id == array_id, task_instance.c.batch_num == batch_num)
        .order_by(task_instance.c.array_step_id)
    )
    return tuple(connection.execute(statement).scalars())
