"""What is read of an instance and of its task when they are locked."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from jobmon_client.states import TaskInstanceStatus, TaskStatus
from jobmon_server.db import clock
from jobmon_server.db.models import task, task_instance
from jobmon_server.db.packing import Packing


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
    workflow_run_id: int
    array_id: int
    batch_num: int
    now: datetime


class TaskRow(NamedTuple):
    """A task."""

    id: int
    workflow_id: int
    task_status: TaskStatus
    num_attempts: int
    max_attempts: int
    num_refunds: int
    name: str


_INSTANCE_COLUMNS = [task_instance.c[name] for name in InstanceRow._fields if name != "now"]
INSTANCE = Packing(InstanceRow, [*_INSTANCE_COLUMNS, clock.now()])
TASK = Packing(TaskRow, [task.c[name.removeprefix("task_")] for name in TaskRow._fields])
