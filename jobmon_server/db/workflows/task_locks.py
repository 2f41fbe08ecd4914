"""Tasks with their current instances, locked for an operator's act. The workflow is locked already, so no instance is added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, func, insert, select, update
from sqlalchemy.engine import Connection, Row

from jobmon_client.states import Outcome, ReasonCode, Reporter, TaskInstanceStatus, TaskStatus
from jobmon_server.db.core import clock
from jobmon_server.db.core.after_commit import count_after_commit
from jobmon_server.db.core.guarded_update import status_values, update_many
from jobmon_server.db.core.planner_hints import by_index
from jobmon_server.db.core.rows import RowDict, fetch_rows
from jobmon_server.db.core.transaction import LostRace
from jobmon_server.db.schema.tables import task, task_instance
from jobmon_server.db.schema.tables_records import error_log, journal
from jobmon_server.fsm.acts import Act, TaskWithInstance
from jobmon_server.fsm.force import FORCED
from jobmon_server.fsm.task_instance import FAILED, TASK_INSTANCE
from jobmon_server.shared_counters import CommittedMove

_OPERATOR = Reporter.OPERATOR.value
_CURRENT = (task_instance.c.task_id == task.c.id) & (task_instance.c.attempt == task.c.last_attempt)


@dataclass(frozen=True, slots=True)
class LockedTaskWithInstance:
    """A task and its current instance, if it ever had one, both locked."""

    task_id: int
    workflow_id: int
    task_instance_id: int | None
    next_report_increment: float | None
    now: datetime
    subject: TaskWithInstance
    status_at: datetime | None = None
    contact_until: datetime | None = None

    @property
    def status(self) -> TaskStatus:
        """The task's status."""
        return self.subject.task


def workflow_of(connection: Connection, task_id: int) -> int | None:
    """Return the workflow that a task belongs to; None when there is no such task."""
    statement = select(task.c.workflow_id).where(task.c.id == task_id)
    return connection.execute(statement).scalar_one_or_none()


def statuses(connection: Connection, task_ids: Sequence[int]) -> dict[int, TaskStatus]:
    """Return the statuses of those of these tasks that there are; at most one transaction's size is asked for."""
    statement = select(task.c.id, task.c.status).where(task.c.id.in_(task_ids))
    return {row.id: row.status for row in connection.execute(statement)}


def named(connection: Connection, task_ids: Sequence[int]) -> list[RowDict]:
    """Return the names and statuses of some tasks, by id."""
    statement = select(task.c.id.label("task_id"), task.c.name, task.c.status)
    return fetch_rows(connection, statement.where(task.c.id.in_(task_ids)).order_by(task.c.id))


def find(connection: Connection, workflow_id: int, condition: ColumnElement[bool], limit: int) -> list[int]:
    """Return up to `limit` tasks of a workflow for which the condition over task and current instance holds, by id."""
    statement = (
        select(task.c.id)
        .outerjoin(task_instance, _CURRENT)
        .where(task.c.workflow_id == workflow_id, condition)
        .order_by(task.c.id)
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())


def count(
    connection: Connection, workflow_ids: Sequence[int], condition: ColumnElement[bool]
) -> dict[int, int]:
    """Return how many tasks of each of these workflows the condition over task and current instance holds for."""
    statement = (
        select(task.c.workflow_id, func.count().label("tasks"))
        .outerjoin(task_instance, _CURRENT)
        .where(task.c.workflow_id.in_(workflow_ids), condition)
        .group_by(task.c.workflow_id)
    )
    return {row.workflow_id: row.tasks for row in connection.execute(statement)}


def is_started_afresh_already() -> ColumnElement[bool]:
    """Return the condition that the current instance is told to stop, and marked, already."""
    told_to_stop = task_instance.c.status == TaskInstanceStatus.KILL_SELF
    # A task that was never queued has no instance: without this its negation were NULL, and such a task left out.
    return task_instance.c.id.is_not(None) & told_to_stop & task_instance.c.requeue


def lock_tasks_with_instances(
    connection: Connection, task_ids: Sequence[int], *, lock: bool = True
) -> list[LockedTaskWithInstance]:
    """Lock the current instances of these tasks, by id, then the tasks, by id; without `lock` only read them."""
    current = (
        select(task_instance.c.id).join_from(task, task_instance, _CURRENT).where(task.c.id.in_(task_ids))
    )
    instance_ids = sorted(connection.execute(current).scalars())
    found = lock_rows(connection, _INSTANCE, task_instance, instance_ids, lock=lock)
    instances = {row.task_id: row for row in found}
    tasks = lock_rows(connection, _TASK, task, task_ids, lock=lock)
    # One instant for all: what is written is then alike, and is written set-based.
    now = max((row.now for row in tasks), default=None)
    return [_subject(row, instances.get(row.id), now) for row in tasks]


_INSTANCE = (
    task_instance.c.id,
    task_instance.c.task_id,
    task_instance.c.attempt,
    task_instance.c.status,
    task_instance.c.requeue,
    task_instance.c.next_report_increment,
    task_instance.c.status_at,
    task_instance.c.contact_until,
)
_TASK = (
    task.c.id,
    task.c.workflow_id,
    task.c.status,
    task.c.num_attempts,
    task.c.last_attempt,
    task.c.ready_at,
    clock.now().label("now"),
)


def lock_rows(
    connection: Connection, columns: Sequence[Any], table: Any, ids: Iterable[int], *, lock: bool = True
) -> Sequence[Row[Any]]:
    """Lock rows of one table by id, and return these columns of those that there are; without `lock` only read them."""
    wanted = sorted(set(ids))
    if not wanted:
        return []
    statement = select(*columns).where(table.c.id.in_(wanted)).order_by(table.c.id)
    if lock:
        statement = by_index(statement.with_for_update(), table)
    return connection.execute(statement).all()


def _subject(its_task: Row[Any], instance: Row[Any] | None, now: Any) -> LockedTaskWithInstance:
    if (0 if instance is None else instance.attempt) != its_task.last_attempt:
        raise LostRace
    status = None if instance is None else instance.status
    requeue = instance is not None and instance.requeue
    return LockedTaskWithInstance(
        its_task.id,
        its_task.workflow_id,
        None if instance is None else instance.id,
        None if instance is None else instance.next_report_increment,
        now,
        TaskWithInstance(
            its_task.status, status, requeue, its_task.num_attempts, delayed=its_task.ready_at is not None
        ),
        None if instance is None else instance.status_at,
        None if instance is None else instance.contact_until,
    )


def write_acts(
    connection: Connection,
    acts: Sequence[tuple[LockedTaskWithInstance, Act]],
    reason: str,
    actor: str | None = None,
) -> None:
    """Write applied acts, set-based: instances, tasks, journal rows, and error-log entries where they closed one.

    `actor` is who did it, where the server knows.
    """
    update_many(
        connection,
        task_instance,
        [(was.task_instance_id, was.subject.task_instance, _instance_values(was, act)) for was, act in acts],
    )
    update_many(
        connection, task, [(was.task_id, was.subject.task, _task_values(was, act)) for was, act in acts]
    )
    told = [(was, act) for was, act in acts if was.task_instance_id is not None]
    _insert(connection, journal, [_journal_row(was, act, reason, actor) for was, act in told])
    moved = [(was, act) for was, act in acts if act.task_instance not in {None, was.subject.task_instance}]
    failed = [was for was, act in moved if act.task_instance in FAILED]
    _insert(connection, error_log, [_error_row(was, reason) for was in failed])
    count_after_commit(connection, *(_noted(was, act) for was, act in moved))


def _noted(was: LockedTaskWithInstance, act: Act) -> CommittedMove:
    """Return what is counted of an act."""
    seconds = None if was.status_at is None else (was.now - was.status_at).total_seconds()
    status = was.subject.task_instance
    return CommittedMove(status, act.task_instance, Outcome.APPLIED, Reporter.OPERATOR, seconds=seconds)


def _task_values(was: LockedTaskWithInstance, act: Act) -> dict[str, Any]:
    same = (act.task, act.num_attempts) == (was.subject.task, was.subject.num_attempts)
    if same and not act.ends_delay:
        return {}
    moved = status_values(act.task, was.now) if act.task is not was.subject.task else {"updated_at": was.now}
    return {**moved, "num_attempts": act.num_attempts, "ready_at": None}


def _instance_values(was: LockedTaskWithInstance, act: Act) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if act.orphan:
        values["orphan"] = True
    if act.requeue:
        values["requeue"] = True
    if act.task_instance is not None:
        values |= {
            "status": act.task_instance,
            "status_by": _OPERATOR,
            "status_at": was.now,
            "report_by": None,
            "reason_code": _reason_code(act).value,
        }
        if act.task_instance in TASK_INSTANCE.terminal:
            values |= {"finished_at": was.now} if was.subject.has_live_instance else {}
        elif was.next_report_increment is not None:
            deadline = clock.seconds_after(was.now, was.next_report_increment)
            values["report_by"] = max(deadline, was.contact_until or deadline)
    return {**values, "updated_at": was.now} if values else values


def _reason_code(act: Act) -> ReasonCode:
    """Return why an act ended an instance, or told it to end."""
    if act.task is TaskStatus.STOPPED:
        return ReasonCode.STOPPED
    if act.requeue or (act.orphan and act.task_instance not in TASK_INSTANCE.terminal):
        return ReasonCode.STARTED_AFRESH
    if act.task in FORCED:
        return ReasonCode.FORCED
    return ReasonCode.WITHDRAWN


def _journal_row(was: LockedTaskWithInstance, act: Act, reason: str, actor: str | None) -> dict[str, Any]:
    """Return the row of an act; one that leaves the instance as it is stands there with the status that it has."""
    return {
        "task_instance_id": was.task_instance_id,
        "was": was.subject.task_instance,
        "wanted": act.task_instance or was.subject.task_instance,
        "outcome": Outcome.APPLIED.value,
        "task_from": was.subject.task,
        "task_to": act.task,
        "reporter": _OPERATOR,
        "reporter_id": actor,
        "reason": reason,
        "time": was.now,
    }


def _error_row(was: LockedTaskWithInstance, reason: str) -> dict[str, Any]:
    return {
        "task_instance_id": was.task_instance_id,
        "workflow_id": was.workflow_id,
        "error_time": was.now,
        "source": _OPERATOR,
        "description": reason,
    }


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def reset_failed(connection: Connection, workflow_id: int, limit: int) -> int:
    """Send up to `limit` tasks that failed for good back to REGISTERING with attempts 0; return how many."""
    ids = find(connection, workflow_id, task.c.status == TaskStatus.ERROR_FATAL, limit)
    if ids:
        now = clock.read_clock(connection)
        values = {**status_values(TaskStatus.REGISTERING, now), "num_attempts": 0}
        statement = update(task).where(task.c.id.in_(ids), task.c.status == TaskStatus.ERROR_FATAL)
        connection.execute(statement.values(values))
    return len(ids)
