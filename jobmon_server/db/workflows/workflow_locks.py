"""Workflows and their runs: locked in one order, run first, and the facts that a workflow's status depends on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, exists, insert, or_, select, update
from sqlalchemy.engine import Connection

from jobmon_client.states import (
    WORKFLOW_AT_REST,
    WORKFLOW_OVER,
    TaskStatus,
    WorkflowRunStatus,
    WorkflowStatus,
)
from jobmon_server.db.core import clock
from jobmon_server.db.core.guarded_update import status_values
from jobmon_server.db.core.planner_hints import by_index
from jobmon_server.db.core.prepared import PreparedStatement
from jobmon_server.db.core.transaction import LostRace
from jobmon_server.db.core.types import inserted_id
from jobmon_server.db.schema.tables import array, task
from jobmon_server.db.schema.tables_workflow import workflow, workflow_run
from jobmon_server.db.workflows import outbox
from jobmon_server.db.workflows.expiry import not_deleted
from jobmon_server.fsm.task import LIVE, QUEUEABLE
from jobmon_server.fsm.workflow import WORKFLOW_RUN, Facts


@dataclass(frozen=True, slots=True)
class LockedRun:
    """A run as it stands, locked."""

    workflow_run_id: int
    workflow_id: int
    status: WorkflowRunStatus
    report_by: datetime | None
    next_report_increment: float
    request_id: str | None
    now: datetime

    @property
    def is_alive(self) -> bool:
        """Whether its owner still drives the workflow, as far as anyone has said."""
        return self.status in WORKFLOW_RUN.live

    @property
    def is_overdue(self) -> bool:
        """Whether its owner is silent past its deadline."""
        return self.report_by is not None and self.report_by < self.now


@dataclass(frozen=True, slots=True)
class LockedWorkflow:
    """A workflow as it stands, locked together with the run that was started last, if there ever was one."""

    workflow_id: int
    status: WorkflowStatus
    held: bool
    max_concurrently_running: int | None
    expiry_seconds: int
    callback_url: str | None
    run: LockedRun | None
    now: datetime
    lost_contact: str | None = None


_RUN = select(
    workflow_run.c.id,
    workflow_run.c.workflow_id,
    workflow_run.c.status,
    workflow_run.c.report_by,
    workflow_run.c.next_report_increment,
    workflow_run.c.request_id,
    clock.now().label("now"),
).with_for_update()
_LOCK_RUN = _RUN.where(workflow_run.c.id == bindparam("workflow_run_id"))
_LOCK_LAST_RUN = _RUN.where(
    workflow_run.c.id
    == select(workflow.c.last_run_id).where(workflow.c.id == bindparam("workflow_id")).scalar_subquery()
)
_LOCK_WORKFLOW = (
    select(
        workflow.c.id,
        workflow.c.status,
        workflow.c.held,
        workflow.c.max_concurrently_running,
        workflow.c.expiry_seconds,
        workflow.c.callback_url,
        workflow.c.last_run_id,
        workflow.c.lost_contact,
        clock.now().label("now"),
    )
    # One whose rows are being deleted is gone for everybody.
    .where(workflow.c.id == bindparam("workflow_id"), workflow.c.deleted_at.is_(None))
    .with_for_update()
)


def lock_run(connection: Connection, workflow_run_id: int) -> LockedRun | None:
    """Lock one run; None when there is no such run."""
    row = connection.execute(_LOCK_RUN, {"workflow_run_id": workflow_run_id}).one_or_none()
    return None if row is None else _run(row)


def lock_workflow(connection: Connection, workflow_id: int) -> LockedWorkflow | None:
    """Lock a workflow's last run, then the workflow; None when there is no such workflow."""
    return lock_workflow_of(connection, workflow_id, lock_last_run(connection, workflow_id))


def lock_last_run(connection: Connection, workflow_id: int) -> LockedRun | None:
    """Lock the run that was started last, and not yet its workflow; None when there was none."""
    row = connection.execute(_LOCK_LAST_RUN, {"workflow_id": workflow_id}).one_or_none()
    return None if row is None else _run(row)


def lock_workflow_of(
    connection: Connection, workflow_id: int, run: LockedRun | None
) -> LockedWorkflow | None:
    """Lock the workflow whose last run is locked already; lose the race if a run was started meanwhile."""
    row = connection.execute(_LOCK_WORKFLOW, {"workflow_id": workflow_id}).one_or_none()
    if row is None:
        return None
    if row.last_run_id != (None if run is None else run.workflow_run_id):
        raise LostRace
    return LockedWorkflow(
        row.id,
        row.status,
        row.held,
        row.max_concurrently_running,
        row.expiry_seconds,
        row.callback_url,
        run,
        row.now,
        row.lost_contact,
    )


def _run(row: Row[Any]) -> LockedRun:
    return LockedRun(
        row.id, row.workflow_id, row.status, row.report_by, row.next_report_increment, row.request_id, row.now
    )


def _has(*statuses: TaskStatus, **columns: int) -> Any:
    conditions = [task.c[name] == value for name, value in columns.items()]
    return exists().where(
        task.c.workflow_id == bindparam("workflow_id"), task.c.status.in_(statuses), *conditions
    )


_READY = _has(*sorted(QUEUEABLE), released=0, upstreams_left=0).label("ready")
# One probe of the schedule index for each status: the cost does not grow with the workflow.
_FACTS = select(*(_has(status).label(status.name) for status in TaskStatus), _READY)
#: Tasks that are DONE and have not yet told their downstreams.
_UNRELEASED = _has(TaskStatus.DONE, released=0)
_IS_GOING = PreparedStatement(select(_has(*sorted(LIVE))))


def read_facts(connection: Connection, locked: LockedWorkflow) -> Facts:
    """Read all that the status of a locked workflow depends on."""
    row = connection.execute(_FACTS, {"workflow_id": locked.workflow_id}).one()._mapping
    run = locked.run
    return Facts(
        present=frozenset(status for status in TaskStatus if row[status.name]),
        ready=bool(row["ready"]),
        held=locked.held,
        run_alive=run is not None and run.is_alive,
        ever_run=run is not None,
    )


def has_live_tasks(connection: Connection, workflow_id: int) -> bool:
    """Tell, by one probe and without a lock, whether anything is queued, launched or running."""
    ((is_going,),) = _IS_GOING.rows(connection, {"workflow_id": workflow_id})
    return bool(is_going)


def unsettled(connection: Connection, statuses: frozenset[WorkflowStatus], limit: int) -> list[int]:
    """Return workflows in which nothing goes on and that may be over, or have a DONE to pass on."""
    unreleased = _each_has({TaskStatus.DONE}, released=0)
    # `any_task` stands within an OR: as a condition of its own MariaDB would join it, by a list of all tasks there are.
    any_task = exists().where(task.c.workflow_id == workflow.c.id)
    ready = _each_has(QUEUEABLE, released=0, upstreams_left=0)
    statement = (
        select(workflow.c.id)
        .where(
            workflow.c.status.in_(statuses),
            not_deleted(),
            ~_each_has(LIVE),
            unreleased | (any_task & ~ready),
        )
        .order_by(workflow.c.id)
        .limit(limit)
    )
    return list(connection.execute(by_index(statement, workflow, "ix_workflow_status")).scalars())


def _each_has(statuses: Iterable[TaskStatus], **columns: int) -> ColumnElement[bool]:
    """Whether each workflow of a query has a task of these; one probe of the schedule index for each status.

    Beside an outer row MariaDB would read `IN` as all tasks of the workflow.
    """
    conditions = [task.c[name] == value for name, value in columns.items()]
    of_workflow = task.c.workflow_id == workflow.c.id
    return or_(
        *(exists().where(of_workflow, task.c.status == status, *conditions) for status in sorted(statuses))
    )


def write_status(connection: Connection, locked: LockedWorkflow, status: WorkflowStatus) -> None:
    """Set a locked workflow's status; what is over is kept for its time from now on, what goes on again is kept.

    The only writer of it, and so the only one who has news for the callback URL.
    """
    values = status_values(status, locked.now) if status is not locked.status else {"updated_at": locked.now}
    if status in WORKFLOW_OVER:
        values |= {
            "finished_at": locked.now,
            "expires_at": clock.seconds_after(locked.now, locked.expiry_seconds),
        }
    else:
        values |= dict.fromkeys(("finished_at", "expires_at", "expired_at"))
    _guarded(connection, workflow, locked.workflow_id, locked.status, values)
    if locked.callback_url is not None and status in WORKFLOW_AT_REST:
        outbox.add(connection, locked.workflow_id, status, locked.callback_url, locked.now)


def write_run(connection: Connection, locked: LockedRun, status: WorkflowRunStatus, **values: Any) -> None:
    """Set a locked run's status and other columns; an ended run has no deadline."""
    if status not in WORKFLOW_RUN.live:
        values["report_by"] = None
    _guarded(
        connection,
        workflow_run,
        locked.workflow_run_id,
        locked.status,
        {"status": status, "updated_at": locked.now, **values},
    )


def _guarded(connection: Connection, table: Any, row_id: int, was: Any, values: dict[str, Any]) -> None:
    statement = update(table).where(table.c.id == row_id, table.c.status == was).values(values)
    if connection.execute(statement).rowcount != 1:
        raise LostRace


def hold(connection: Connection, workflow_id: int, *, held: bool) -> None:
    """Hold back, or let go, what becomes ready."""
    connection.execute(update(workflow).where(workflow.c.id == workflow_id).values(held=held))


def add_run(
    connection: Connection,
    locked: LockedWorkflow,
    next_report_increment: float,
    request_id: str | None,
    process: dict[str, Any] | None = None,
) -> int:
    """Start a run and make it the workflow's last."""
    values = {
        "workflow_id": locked.workflow_id,
        "status": WORKFLOW_RUN.initial,
        "report_by": clock.seconds_after(locked.now, next_report_increment),
        "next_report_increment": next_report_increment,
        "request_id": request_id,
        "process": process,
        "created_at": locked.now,
        "updated_at": locked.now,
    }
    run_id = inserted_id(connection.execute(insert(workflow_run).values(values)))
    connection.execute(update(workflow).where(workflow.c.id == locked.workflow_id).values(last_run_id=run_id))
    return run_id


def overdue_runs(connection: Connection, limit: int) -> list[int]:
    """Return runs whose owner is silent past the deadline."""
    statement = (
        select(workflow_run.c.id)
        .where(workflow_run.c.report_by < clock.read_clock(connection))
        .order_by(workflow_run.c.report_by)
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())


def array_limits(connection: Connection, workflow_id: int) -> dict[int, int]:
    """Return the limits of a workflow's arrays that have one, by array id; locks those arrays."""
    statement = (
        select(array.c.id, array.c.max_concurrently_running)
        .where(array.c.workflow_id == workflow_id, array.c.max_concurrently_running.is_not(None))
        .order_by(array.c.id)
    )
    return {row.id: row.max_concurrently_running for row in connection.execute(statement)}
