"""What an explanation needs to know of one instance: a fixed number of reads by primary key and by short index ranges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.engine import Connection

from jobmon_client.states import TaskStatus
from jobmon_server.db.core import clock
from jobmon_server.db.core.rows import RowDict, fetch_rows
from jobmon_server.db.instances.locking import pair_of
from jobmon_server.db.reads.lookups import read_journal
from jobmon_server.db.schema.tables import array, array_batch, edge, task, task_instance
from jobmon_server.db.schema.tables_workflow import workflow, workflow_run
from jobmon_server.errors import Unknown
from jobmon_server.fsm.plan import Pair
from jobmon_server.fsm.task import LIVE
from jobmon_server.fsm.task_instance import TASK_INSTANCE
from jobmon_server.fsm.waiting import Limit, QueueConditions
from jobmon_server.fsm.workflow import WORKFLOW_RUN

#: How many decisions, the last ones, and how many unfinished upstreams are told.
MOST_DECISIONS = 10
MOST_UPSTREAMS = 5


@dataclass(frozen=True, slots=True)
class ExplainedInstance:
    """One instance with its task, workflow and run as they stand at `now`; `row` has what is told as it is."""

    pair: Pair
    waiting: QueueConditions
    row: dict[str, Any]
    now: datetime
    report_by: datetime | None
    current_task_instance_id: int
    decisions: list[RowDict]


@dataclass(frozen=True, slots=True)
class ExplainedTask:
    """One task as it stands at `now`, what it waits for, and some of the upstreams that are not DONE."""

    waiting: QueueConditions
    row: dict[str, Any]
    upstreams: list[RowDict]
    now: datetime


_current = task_instance.alias("current_instance")
#: What decides whether a task can be queued.
_OF_TASK = (
    task.c.workflow_id,
    task.c.name,
    task.c.array_id.label("task_array_id"),
    task.c.status.label("task_status"),
    task.c.num_attempts,
    task.c.max_attempts,
    task.c.num_refunds,
    task.c.upstreams_left,
    task.c.ready_at,
    array.c.name.label("array_name"),
    array.c.max_concurrently_running.label("array_limit"),
    workflow.c.status.label("workflow_status"),
    workflow.c.held,
    workflow.c.max_concurrently_running.label("workflow_limit"),
    workflow_run.c.id.label("last_run_id"),
    workflow_run.c.status.label("last_run_status"),
    _current.c.id.label("current_id"),
    _current.c.status.label("current_status"),
    clock.now().label("now"),
)
_IS_CURRENT = (_current.c.task_id == task.c.id) & (_current.c.attempt == task.c.last_attempt)
_STANDING = (
    select(task_instance, *_OF_TASK, array_batch.c.queue)
    .join_from(task_instance, task, task.c.id == task_instance.c.task_id)
    .join(
        array_batch,
        (array_batch.c.array_id == task_instance.c.array_id)
        & (array_batch.c.batch_num == task_instance.c.batch_num),
    )
    .join(array, array.c.id == task.c.array_id)
    .join(workflow, workflow.c.id == task.c.workflow_id)
    .join(_current, _IS_CURRENT)
    .outerjoin(workflow_run, workflow_run.c.id == workflow.c.last_run_id)
)
_TASK = (
    select(task.c.id.label("task_id"), task.c.status_at, *_OF_TASK)
    .join_from(task, array, array.c.id == task.c.array_id)
    .join(workflow, workflow.c.id == task.c.workflow_id)
    .outerjoin(_current, _IS_CURRENT)
    .outerjoin(workflow_run, workflow_run.c.id == workflow.c.last_run_id)
    .where(workflow.c.deleted_at.is_(None))
)


def read_standing(connection: Connection, task_instance_id: int) -> ExplainedInstance:
    """Read all that an explanation tells or is planned from. Raises `Unknown`."""
    row = connection.execute(_STANDING.where(task_instance.c.id == task_instance_id)).one_or_none()
    if row is None:
        raise Unknown("task instance", task_instance_id)
    return ExplainedInstance(
        pair_of(row, row),
        _waiting(connection, row),
        dict(row._mapping),
        row.now,
        row.report_by,
        row.current_id,
        read_journal(connection, task_instance_id, last=MOST_DECISIONS),
    )


def read_task_standing(connection: Connection, task_id: int) -> ExplainedTask:
    """Read all that the explanation of a task tells. Raises `Unknown`."""
    row = connection.execute(_TASK.where(task.c.id == task_id)).one_or_none()
    if row is None:
        raise Unknown("task", task_id)
    upstreams = _unfinished(connection, task_id) if row.upstreams_left else []
    return ExplainedTask(_waiting(connection, row, upstreams), dict(row._mapping), upstreams, row.now)


def _waiting(connection: Connection, row: Any, upstreams: Sequence[RowDict] | None = None) -> QueueConditions:
    run_alive = row.last_run_status in WORKFLOW_RUN.live
    if upstreams is None:
        upstreams = _unfinished(connection, row.task_id) if row.upstreams_left else []
    return QueueConditions(
        task=row.task_status,
        upstreams_left=row.upstreams_left,
        upstreams=tuple(f"task {one['task_id']} ({one['name']}) is {one['status']}" for one in upstreams),
        delay=None if row.ready_at is None else (row.ready_at - row.now).total_seconds(),
        held=row.held,
        run_id=row.last_run_id if run_alive else None,
        living_instance_id=row.current_id if row.current_status in TASK_INSTANCE.live else None,
        limits=tuple(_limits(connection, row)),
    )


def _unfinished(connection: Connection, task_id: int) -> list[RowDict]:
    statement = (
        select(task.c.id.label("task_id"), task.c.name, task.c.status)
        .join_from(edge, task, task.c.id == edge.c.upstream_id)
        .where(edge.c.downstream_id == task_id, task.c.status != TaskStatus.DONE)
        .order_by(task.c.id)
        .limit(MOST_UPSTREAMS)
    )
    return fetch_rows(connection, statement)


def _limits(connection: Connection, row: Row[Any]) -> list[Limit]:
    """Count what is live only where there is a limit, and where the task is no part of the count itself."""
    if row.task_status in LIVE:
        return []
    live = select(func.count()).where(task.c.workflow_id == row.workflow_id, task.c.status.in_(LIVE))
    found = []
    if row.workflow_limit is not None:
        found.append(Limit("workflow", connection.execute(live).scalar_one(), row.workflow_limit))
    if row.array_limit is not None:
        of_array = live.where(task.c.array_id == row.task_array_id)
        found.append(Limit("array", connection.execute(of_array).scalar_one(), row.array_limit))
    return found
