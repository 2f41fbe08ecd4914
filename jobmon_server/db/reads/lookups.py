"""Read models: what people and loops ask. Ids and indexes lead, pages are bounded, nothing is locked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.engine import Connection

from jobmon_client.states import Reporter, TaskInstanceStatus, TaskStatus, WorkflowStatus
from jobmon_server.db.core.planner_hints import by_index
from jobmon_server.db.core.rows import RowDict, fetch_rows
from jobmon_server.db.schema.execution import as_told
from jobmon_server.db.schema.tables import array, array_batch, edge, task, task_instance
from jobmon_server.db.schema.tables_control import callback, task_input, task_instance_attribute
from jobmon_server.db.schema.tables_records import error_log, journal
from jobmon_server.db.schema.tables_workflow import workflow, workflow_run
from jobmon_server.errors import Unknown
from jobmon_server.fsm.task_instance import FAILED

#: Columns of an instance that are not told by their own names, or that only the server needs.
_HIDDEN = {"id", "status_by", "graced_at", "graced_led", "owner", "owner_group"}


def read_task_instance(connection: Connection, task_instance_id: int) -> RowDict:
    """Return an instance: its ids, statuses, times, and every field that a report can set. Raises `Unknown`."""
    columns = [column for column in task_instance.c if column.computed is None and column.name not in _HIDDEN]
    statement = (
        select(
            task_instance.c.id.label("task_instance_id"),
            *columns,
            task.c.workflow_id,
            task.c.name,
            task.c.status.label("task_status"),
            array_batch.c.queue,
            array_batch.c.requested_resources,
        )
        .join_from(task_instance, task, task.c.id == task_instance.c.task_id)
        .join(array_batch, is_same_batch())
        .where(task_instance.c.id == task_instance_id)
    )
    row = _one(connection, statement, "task instance", task_instance_id)
    attributes = read_attributes(connection, task_instance_id)
    return {
        **row,
        **_errors_by_name(connection, task_instance_id, row["status"]),
        "attributes": attributes,
    }


def read_attributes(connection: Connection, task_instance_id: int) -> RowDict:
    """Return what an instance's command or worker noted of this attempt, by name."""
    statement = (
        select(task_instance_attribute.c.name, task_instance_attribute.c.value)
        .where(task_instance_attribute.c.task_instance_id == task_instance_id)
        .order_by(task_instance_attribute.c.name)
    )
    return {row.name: row.value for row in connection.execute(statement)}


def _errors_by_name(connection: Connection, task_instance_id: int, status: TaskInstanceStatus) -> RowDict:
    """The error of an instance under the names that reports give it by."""
    texts = {entry["source"]: entry["description"] for entry in read_error_log(connection, task_instance_id)}
    from_worker = texts.pop(Reporter.WORKER.value, None)
    other = next(iter(texts.values()), None)
    state = status if status in FAILED else None
    return {"error_state": state, "error_description": from_worker, "error_message": other}


def is_same_batch() -> ColumnElement[bool]:
    """Join an instance with its batch."""
    return (array_batch.c.array_id == task_instance.c.array_id) & (
        array_batch.c.batch_num == task_instance.c.batch_num
    )


#: Entries of one instance: by time, those of one time by id.
ERROR_ORDER = (error_log.c.error_time, error_log.c.id)


def read_error_log(connection: Connection, task_instance_id: int) -> list[RowDict]:
    """Return an instance's error-log entries, oldest first."""
    statement = (
        select(error_log.c.error_time, error_log.c.description, error_log.c.source)
        .where(error_log.c.task_instance_id == task_instance_id)
        .order_by(*ERROR_ORDER)
    )
    return known(connection, fetch_rows(connection, statement), task_instance_id)


def read_journal(connection: Connection, task_instance_id: int, last: int | None = None) -> list[RowDict]:
    """Return every decision about an instance, or the `last` of them, oldest first."""
    statement = (
        select(
            journal.c.was.label("from"),
            journal.c.wanted.label("to"),
            journal.c.outcome,
            journal.c.task_from,
            journal.c.task_to,
            journal.c.reporter,
            journal.c.reporter_id,
            journal.c.reason,
            journal.c.time,
        )
        .where(journal.c.task_instance_id == task_instance_id)
        .order_by(journal.c.id.desc())
        .limit(last)
    )
    return known(connection, fetch_rows(connection, statement)[::-1], task_instance_id)


def known(connection: Connection, rows: list[RowDict], task_instance_id: int) -> list[RowDict]:
    """Return what was found of an instance. Raises `Unknown` where nothing was found because there is no such instance."""
    if not rows:
        exists = select(task_instance.c.id).where(task_instance.c.id == task_instance_id)
        _one(connection, exists, "task instance", task_instance_id)
    return rows


def find_array_task_instance(
    connection: Connection, array_id: int, batch_num: int, array_step_id: int
) -> int:
    """Return the instance at a step of an array batch: one point read. Raises `Unknown`."""
    statement = select(task_instance.c.id).where(
        task_instance.c.array_id == array_id,
        task_instance.c.batch_num == batch_num,
        task_instance.c.array_step_id == array_step_id,
    )
    found: int | None = connection.execute(statement).scalar_one_or_none()
    if found is None:
        raise Unknown("array step", f"{array_id}/{batch_num}/{array_step_id}")
    return found


def read_task(connection: Connection, task_id: int) -> RowDict:
    """Return a task and the ids of its instances, oldest first. Raises `Unknown`."""
    hidden = {"id", "definition_digest", "released"}
    columns = [column for column in task.c if column.name not in hidden]
    statement = select(
        task.c.id.label("task_id"), *columns, array.c.name.label("array"), retried_at().label("retried_at")
    )
    statement = statement.join(array).where(task.c.id == task_id, is_there(task.c.workflow_id))
    row = _one(connection, statement, "task", task_id)
    instances = (
        select(task_instance.c.id).where(task_instance.c.task_id == task_id).order_by(task_instance.c.attempt)
    )
    upstream = select(edge.c.upstream_id).where(edge.c.downstream_id == task_id).order_by(edge.c.upstream_id)
    inputs = (
        select(task_input.c.name, task_input.c.status, task_input.c.updated_at)
        .where(task_input.c.task_id == task_id)
        .order_by(task_input.c.name)
    )
    return {
        **as_told(row),
        "task_instance_ids": list(connection.execute(instances).scalars()),
        "upstream_ids": list(connection.execute(upstream).scalars()),
        "inputs": fetch_rows(connection, inputs),
    }


def is_there(workflow_id: ColumnElement[int] | int) -> ColumnElement[bool]:
    """Return the condition that a workflow is not being deleted: its tasks are shown no more either."""
    return exists().where(workflow.c.id == workflow_id, workflow.c.deleted_at.is_(None))


def read_workflow(connection: Connection, workflow_id: int) -> RowDict:
    """Return a workflow, how many tasks it has of each status, and its last run. Raises `Unknown`."""
    hidden = {"id", "last_run_id", "deleted_at"}
    columns = [column for column in workflow.c if column.name not in hidden]
    told = select(callback.c.status).where(callback.c.workflow_id == workflow.c.id)
    last = told.order_by(callback.c.id.desc()).limit(1)
    last_told = by_index(last, callback, "ix_callback_workflow_id").scalar_subquery()
    statement = (
        select(
            workflow.c.id.label("workflow_id"),
            *columns,
            workflow.c.last_run_id.label("workflow_run_id"),
            workflow_run.c.status.label("workflow_run_status"),
            workflow_run.c.process.label("workflow_run_process"),
            last_told.label("callback_status"),
        )
        .outerjoin(workflow_run, workflow_run.c.id == workflow.c.last_run_id)
        .where(workflow.c.id == workflow_id, workflow.c.deleted_at.is_(None))
    )
    (row,) = as_shown(connection, [_one(connection, statement, "workflow", workflow_id)])
    return {**as_told(row), "tasks": count_tasks(connection, [workflow_id]).get(workflow_id, {})}


def workflow_status(connection: Connection, workflow_id: int) -> WorkflowStatus:
    """Return a workflow's status alone: what who waits for it asks again and again. Raises `Unknown`."""
    statement = select(workflow.c.status).where(workflow.c.id == workflow_id, workflow.c.deleted_at.is_(None))
    found: WorkflowStatus = _one(connection, statement, "workflow", workflow_id)["status"]
    return found


def task_status(connection: Connection, task_id: int) -> TaskStatus:
    """Return a task's status alone. Raises `Unknown`."""
    found: TaskStatus = _one(connection, select(task.c.status).where(task.c.id == task_id), "task", task_id)[
        "status"
    ]
    return found


def count_tasks(connection: Connection, workflow_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Return, for each workflow, how many tasks it has of each status; statuses that no task has are left out."""
    statement = (
        select(task.c.workflow_id, task.c.status, func.count().label("tasks"))
        .where(task.c.workflow_id.in_(workflow_ids))
        .group_by(task.c.workflow_id, task.c.status)
    )
    counts: dict[int, dict[str, int]] = {}
    for row in connection.execute(statement):
        counts.setdefault(row.workflow_id, {})[row.status.value] = row.tasks
    return counts


def count_kill_self(connection: Connection) -> int:
    """Return how many instances are told to stop and not yet confirmed dead."""
    # A range of the index, said to both databases: SQLite does not know IS NOT NULL as one.
    statement = select(func.count()).where(
        task_instance.c.tended_cluster > "", task_instance.c.status == TaskInstanceStatus.KILL_SELF
    )
    tended = by_index(statement, task_instance, "ix_task_instance_tended")
    return int(connection.execute(tended).scalar_one())


def retried_at() -> ColumnElement[datetime | None]:
    """When a task was queued again; null while its first attempt is its last."""
    again = select(task_instance.c.queued_at).where(is_current(), task_instance.c.attempt > 1)
    return again.correlate(task).scalar_subquery()


def is_current() -> ColumnElement[bool]:
    """Join a task with its last instance."""
    return (task_instance.c.task_id == task.c.id) & (task_instance.c.attempt == task.c.last_attempt)


def is_leaf() -> ColumnElement[bool]:
    """Return the condition that no task waits for a task."""
    # Asked task by task: as NOT EXISTS, MariaDB would first gather the edges of all workflows.
    its_own = select(edge.c.downstream_id).where(edge.c.upstream_id == task.c.id).limit(1).correlate(task)
    return its_own.scalar_subquery().is_(None)


def as_shown(connection: Connection, rows: Sequence[RowDict]) -> list[RowDict]:
    """Return rows of workflows with `expires_at` null where something lives still: one statement, or none."""
    over = [row["workflow_id"] for row in rows if row["expires_at"] is not None]
    held = still_stopping(connection, over)
    return [{**row, "expires_at": None} if row["workflow_id"] in held else row for row in rows]


def still_stopping(connection: Connection, workflow_ids: Sequence[int]) -> set[int]:
    """Return those of these workflows in which an instance was told to stop and is not yet confirmed dead.

    In a workflow that is over nothing else can live.
    """
    if not workflow_ids:
        return set()
    statement = (
        select(task.c.workflow_id)
        .join_from(task_instance, task, task.c.id == task_instance.c.task_id)
        .where(
            task_instance.c.tended_cluster > "",
            task_instance.c.status == TaskInstanceStatus.KILL_SELF,
            # No index of the tasks may lead: what is tended is less than what a workflow has.
            (task.c.workflow_id + 0).in_(workflow_ids),
        )
        .distinct()
    )
    return set(connection.execute(by_index(statement, task_instance, "ix_task_instance_tended")).scalars())


def _one(connection: Connection, statement: Select[Any], what: str, of_id: object) -> RowDict:
    row = connection.execute(statement).mappings().one_or_none()
    if row is None:
        raise Unknown(what, of_id)
    return dict(row)
