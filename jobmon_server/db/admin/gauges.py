"""What `/metrics` shows, read from the database so that any of many server processes gives the same answer.

Only ranges of indexes are read (docs/architecture.md): live instances, waiting ones, workflows by status.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, func, select
from sqlalchemy.engine import Connection

from jobmon_client.states import TaskInstanceStatus, WorkflowStatus
from jobmon_server.db.core.clock import read_clock
from jobmon_server.db.schema.tables import task_instance
from jobmon_server.db.schema.tables_records import lease
from jobmon_server.db.schema.tables_workflow import workflow
from jobmon_server.fsm.task_instance import TASK_INSTANCE


@dataclass(frozen=True, slots=True)
class Measures:
    """The state of things at one instant; `lag` is by how many seconds the oldest deadline has passed.

    `leases` has the seconds left of each that is held, by its name and holder.
    """

    task_instances: dict[TaskInstanceStatus, int]
    workflows: dict[WorkflowStatus, int]
    overdue: int
    lag: float
    leases: dict[tuple[str, str], float]


def measure(connection: Connection) -> Measures:
    """Count what lives, what waits and what is overdue."""
    now = read_clock(connection)
    deadline = task_instance.c.report_by
    passed = select(func.count(), func.min(deadline)).where(deadline < now)
    overdue, oldest = connection.execute(passed).one()
    live = _count(connection, task_instance.c.status, deadline.is_not(None))
    waiting = select(func.count()).where(task_instance.c.waiting_cluster.is_not(None))
    return Measures(
        task_instances={
            **dict.fromkeys(sorted(TASK_INSTANCE.live), 0),
            **live,
            TASK_INSTANCE.initial: connection.execute(waiting).scalar_one(),
        },
        workflows={**dict.fromkeys(WorkflowStatus, 0), **_count(connection, workflow.c.status)},
        overdue=overdue,
        lag=(now - oldest).total_seconds() if oldest is not None else 0.0,
        leases={
            (row.name, row.holder): (row.expires_at - now).total_seconds()
            for row in connection.execute(select(lease).where(lease.c.expires_at > now))
        },
    )


def _count(connection: Connection, column: Column[Any], *conditions: Any) -> dict[Any, int]:
    statement = select(column, func.count()).where(*conditions).group_by(column)
    return {row[0]: row[1] for row in connection.execute(statement)}
