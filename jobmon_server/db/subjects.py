"""Tasks with their current instances, locked for an operator's act. The workflow is locked already, so no instance is added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, insert, select, update
from sqlalchemy.engine import Connection, Row

from jobmon_client.states import Outcome, ReasonCode, Reporter, TaskInstanceStatus, TaskStatus
from jobmon_server.db import clock
from jobmon_server.db.models import task, task_instance
from jobmon_server.db.models_records import error_log, journal
from jobmon_server.db.moves import update_many
from jobmon_server.db.noted import note
from jobmon_server.db.pairs import by_index
from jobmon_server.db.transaction import LostRace
from jobmon_server.fsm.acts import Act, Subject
from jobmon_server.fsm.task_instance import FAILED, TASK_INSTANCE
from jobmon_server.tally import Noted

LOOKUP = 1_000
_OPERATOR = Reporter.OPERATOR.value
_CURRENT = (task_instance.c.task_id == task.c.id) & (task_instance.c.attempt == task.c.last_attempt)


@dataclass(frozen=True, slots=True)
class LockedSubject:
    """A task and its current instance, if it ever had one, both locked."""

    task_id: int
    task_instance_id: int | None
    next_report_increment: float | None
    now: datetime
    subject: Subject
    status_at: datetime | None = None


def workflow_of(connection: Connection, task_id: int) -> int | None:
    """Return the workflow that a task belongs to; None when there is no such task."""
    statement = select(task.c.workflow_id).where(task.c.id == task_id)
    return connection.execute(statement).scalar_one_or_none()


def by_workflow(connection: Connection, task_ids: Sequence[int]) -> dict[int, list[int]]:
    """Return those of these tasks that there are, by their workflow."""
    found: dict[int, list[int]] = {}
    for start in range(0, len(task_ids), LOOKUP):
        some = task_ids[start : start + LOOKUP]
        statement = select(task.c.id, task.c.workflow_id).where(task.c.id.in_(some)).order_by(task.c.id)
        for row in connection.execute(statement):
            found.setdefault(row.workflow_id, []).append(row.id)
    return found


def statuses(connection: Connection, task_ids: Sequence[int]) -> dict[int, TaskStatus]:
    """Return the statuses of those of these tasks that there are; at most one transaction's size is asked for."""
    statement = select(task.c.id, task.c.status).where(task.c.id.in_(task_ids))
    return {row.id: row.status for row in connection.execute(statement)}


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


def is_started_afresh_already() -> ColumnElement[bool]:
    """Return the condition that the current instance is told to stop, and marked, already."""
    told_to_stop = task_instance.c.status == TaskInstanceStatus.KILL_SELF
    # A task that was never queued has no instance: without this its negation were NULL, and such a task left out.
    return task_instance.c.id.is_not(None) & told_to_stop & task_instance.c.requeue


def lock_subjects(connection: Connection, task_ids: Sequence[int]) -> list[LockedSubject]:
    """Lock the current instances of these tasks, by id, then the tasks, by id."""
    current = (
        select(task_instance.c.id).join_from(task, task_instance, _CURRENT).where(task.c.id.in_(task_ids))
    )
    instance_ids = sorted(connection.execute(current).scalars())
    instances = {row.task_id: row for row in _lock(connection, _INSTANCE, task_instance, instance_ids)}
    tasks = _lock(connection, _TASK, task, sorted(task_ids))
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
)
_TASK = (
    task.c.id,
    task.c.status,
    task.c.num_attempts,
    task.c.last_attempt,
    clock.now().label("now"),
)


def _lock(
    connection: Connection, columns: Sequence[Any], table: Any, ids: Sequence[int]
) -> Sequence[Row[Any]]:
    if not ids:
        return []
    statement = select(*columns).where(table.c.id.in_(ids)).order_by(table.c.id).with_for_update()
    return connection.execute(by_index(statement, table)).all()


def _subject(its_task: Row[Any], instance: Row[Any] | None, now: Any) -> LockedSubject:
    if (0 if instance is None else instance.attempt) != its_task.last_attempt:
        raise LostRace
    status = None if instance is None else instance.status
    requeue = instance is not None and instance.requeue
    return LockedSubject(
        its_task.id,
        None if instance is None else instance.id,
        None if instance is None else instance.next_report_increment,
        now,
        Subject(its_task.status, status, requeue, its_task.num_attempts),
        None if instance is None else instance.status_at,
    )


def write_acts(
    connection: Connection,
    acts: Sequence[tuple[LockedSubject, Act]],
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
    moved = [(was, act) for was, act in acts if act.task_instance is not None]
    _insert(connection, journal, [_journal_row(was, act, reason, actor) for was, act in moved])
    failed = [was for was, act in moved if act.task_instance in FAILED]
    _insert(connection, error_log, [_error_row(was, reason) for was in failed])
    note(connection, *(_noted(was, act) for was, act in moved))


def _noted(was: LockedSubject, act: Act) -> Noted:
    """Return what is counted of an act."""
    seconds = None if was.status_at is None else (was.now - was.status_at).total_seconds()
    status = was.subject.task_instance
    return Noted(status, act.task_instance, Outcome.APPLIED, Reporter.OPERATOR, seconds=seconds)


def _task_values(was: LockedSubject, act: Act) -> dict[str, Any]:
    if (act.task, act.num_attempts) == (was.subject.task, was.subject.num_attempts):
        return {}
    return {"status": act.task, "num_attempts": act.num_attempts, "updated_at": was.now}


def _instance_values(was: LockedSubject, act: Act) -> dict[str, Any]:
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
            values["finished_at"] = was.now
        elif was.next_report_increment is not None:
            values["report_by"] = clock.seconds_after(was.now, was.next_report_increment)
    return {**values, "updated_at": was.now} if values else values


def _reason_code(act: Act) -> ReasonCode:
    """Return why an act ended an instance, or told it to end."""
    if act.task is TaskStatus.STOPPED:
        return ReasonCode.STOPPED
    if act.requeue:
        return ReasonCode.STARTED_AFRESH
    return ReasonCode.WITHDRAWN


def _journal_row(was: LockedSubject, act: Act, reason: str, actor: str | None) -> dict[str, Any]:
    return {
        "task_instance_id": was.task_instance_id,
        "was": was.subject.task_instance,
        "wanted": act.task_instance,
        "outcome": Outcome.APPLIED.value,
        "task_from": was.subject.task,
        "task_to": act.task,
        "reporter": _OPERATOR,
        "reporter_id": actor,
        "reason": reason,
        "time": was.now,
    }


def _error_row(was: LockedSubject, reason: str) -> dict[str, Any]:
    return {
        "task_instance_id": was.task_instance_id,
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
        values = {
            "status": TaskStatus.REGISTERING,
            "num_attempts": 0,
            "updated_at": clock.read_clock(connection),
        }
        statement = update(task).where(task.c.id.in_(ids), task.c.status == TaskStatus.ERROR_FATAL)
        connection.execute(statement.values(values))
    return len(ids)
