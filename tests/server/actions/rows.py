"""What the database holds of one workflow, in the model's words; and deadlines set back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from jobmon_server.db.schema.tables import task, task_instance
from jobmon_server.db.schema.tables_workflow import workflow, workflow_run

LONG_AGO = datetime(2001, 1, 1)  # noqa: DTZ001  # the database's instants are naive UTC


def read(connection: Connection) -> dict[str, Any]:
    """Read the only workflow."""
    tasks = connection.execute(select(task)).all()
    names = {row.id: row.name for row in tasks}
    own = connection.execute(
        select(workflow.c.status, workflow.c.held, workflow_run.c.status.label("run")).outerjoin(
            workflow_run, workflow_run.c.id == workflow.c.last_run_id
        )
    ).one()
    return {
        "tasks": {row.name: (row.status, row.num_attempts, row.num_refunds) for row in tasks},
        "instances": {
            row.id: (names[row.task_id], row.status, row.worker_id, row.distributor, row.orphan, row.requeue)
            for row in connection.execute(select(task_instance))
        },
        "workflow": tuple(own),
    }


def overdue(connection: Connection, task_instance_id: int) -> None:
    """Let an instance's deadline have passed long ago."""
    statement = update(task_instance).where(task_instance.c.id == task_instance_id)
    connection.execute(statement.values(report_by=LONG_AGO))


def run_overdue(connection: Connection, workflow_run_id: int) -> None:
    """Let the owner of a run be silent for long."""
    statement = update(workflow_run).where(workflow_run.c.id == workflow_run_id)
    connection.execute(statement.values(report_by=LONG_AGO))
