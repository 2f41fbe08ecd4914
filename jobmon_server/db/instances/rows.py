"""What is read of an instance and of its task when they are locked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func

from jobmon_client.states import Reporter, TaskInstanceStatus, TaskStatus
from jobmon_server.db.core import clock
from jobmon_server.db.core.row_packing import Gathered, Packing
from jobmon_server.db.core.types import Json, StatusType
from jobmon_server.db.schema.tables import task, task_instance
from jobmon_server.fsm.plan import By, Pair


class InstanceRow(NamedTuple):
    """An instance, and the database's instant after it was locked."""

    id: int
    task_id: int
    array_step_id: int
    attempt: int
    status: TaskInstanceStatus
    status_by: str
    status_at: datetime
    report_by: datetime | None
    next_report_increment: float | None
    orphan: bool
    requeue: bool
    worker_id: str | None
    distributor: str | None
    started_at: datetime | None
    pending_commands: int
    metric_samples: int
    contact_until: datetime | None
    held_seconds: float | None
    workflow_run_id: int
    array_id: int
    batch_num: int
    owner: str | None
    owner_group: str | None
    now: datetime


class TaskRow(NamedTuple):
    """A task."""

    id: int
    workflow_id: int
    task_status: TaskStatus
    num_attempts: int
    max_attempts: int
    num_refunds: int
    lost_contact: str | None
    name: str
    retry_seconds: float | None


_INSTANCE_COLUMNS = [task_instance.c[name] for name in InstanceRow._fields if name != "now"]
INSTANCE = Packing(InstanceRow, [*_INSTANCE_COLUMNS, clock.now()])
TASK = Packing(TaskRow, [task.c[name.removeprefix("task_")] for name in TaskRow._fields])


def _listed(*columns: ColumnElement[Any]) -> ColumnElement[Any]:
    """Make one value of all rows: a list of lists of these columns, times as text, flags as 0 and 1."""
    return Gathered(func.json_array(*columns, type_=Json()))


_OWN = (
    *(
        task_instance.c[name]
        for name in ("id", "task_id", "array_step_id", "attempt", "status_at", "report_by")
    ),
    *(task_instance.c[name] for name in ("next_report_increment", "distributor")),
    task_instance.c.started_at.is_not(None),
    *(
        task_instance.c[name]
        for name in (
            "pending_commands",
            "metric_samples",
            "contact_until",
            "held_seconds",
            "owner",
            "owner_group",
        )
    ),
)
#: Of many, without what only a start needs: first the `OWN` columns of each, then what is planned from.
OWN = len(_OWN)
INSTANCES = _listed(
    *_OWN, *(task_instance.c[name] for name in ("status", "status_by", "worker_id", "orphan", "requeue"))
)
#: Its id and its workflow's, its delay, what its workers do out of touch, then what is planned from.
TASKS = _listed(
    *(task.c[name] for name in ("id", "workflow_id", "retry_seconds", "lost_contact")),
    *(task.c[name] for name in ("status", "num_attempts", "max_attempts", "num_refunds")),
)
_INSTANCE_STATUS: Callable[[str], Any] = StatusType(TaskInstanceStatus).member
_TASK_STATUS: Callable[[str], Any] = StatusType(TaskStatus).member


def pair_of_row(standing: Sequence[Any]) -> Pair:
    """Return what is planned from: as `INSTANCES` and then `TASKS` have it, then `overdue` and `in_contact`."""
    status, status_by, worker_id, orphan, requeue, task_status, attempts, most, refunds, *by_clock = standing
    overdue, in_contact = by_clock
    reporter = Reporter(status_by)
    return Pair(
        task_instance=_INSTANCE_STATUS(status),
        task=_TASK_STATUS(task_status),
        num_attempts=attempts,
        max_attempts=most,
        num_refunds=refunds,
        worker_id=worker_id,
        status_by=By(reporter, worker_id if reporter is Reporter.WORKER else None),
        orphan=bool(orphan),
        requeue=bool(requeue),
        overdue=overdue,
        in_contact=in_contact,
    )
