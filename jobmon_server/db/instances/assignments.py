"""What a worker needs to start its command: fetched by the statements that lock an instance and its task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from jobmon_server.db.instances.rows import InstanceRow, TaskRow
from jobmon_server.db.schema.execution import merged_environment
from jobmon_server.db.schema.tables import task, task_instance
from jobmon_server.db.schema.tables_workflow import workflow

#: Beside the packed columns.
OF_INSTANCE = (task_instance.c.stdout, task_instance.c.stderr)
OF_TASK = (task.c.command, task.c.requested_resources, task.c.working_directory, task.c.environment)

Assignment = dict[str, Any]


def assignment_of(instance: InstanceRow, its_task: TaskRow, assigned: Sequence[Any]) -> Assignment:
    """Make the assignment of an instance; `assigned` are the columns of both, in their order."""
    stdout, stderr, command, resources, working_directory, environment = assigned
    return {
        "task_instance_id": instance.id,
        "task_id": instance.task_id,
        "workflow_id": its_task.workflow_id,
        "workflow_run_id": instance.workflow_run_id,
        "array_id": instance.array_id,
        "batch_num": instance.batch_num,
        "array_step_id": instance.array_step_id,
        "attempt": instance.attempt,
        "name": its_task.name,
        "command": command,
        "requested_resources": resources,
        "working_directory": working_directory,
        "environment": environment,
        "stdout": stdout,
        "stderr": stderr,
    }


def add_environments(connection: Connection, assignments: Iterable[Assignment | None]) -> None:
    """Put the whole environment into assignments: where a task or its workflow has one, by one more statement for all."""
    having = [one for one in assignments if one is not None and one["environment"] is not None]
    if not having:
        return
    found = read_environments(connection, {one["workflow_id"] for one in having})
    for one in having:
        one["environment"] = merged_environment(found.get(one["workflow_id"]), one["environment"])


def read_environments(
    connection: Connection, workflow_ids: Iterable[int]
) -> dict[int, dict[str, str] | None]:
    """Return the environments of these workflows, which never change, so without a lock."""
    statement = select(workflow.c.id, workflow.c.environment).where(workflow.c.id.in_(sorted(workflow_ids)))
    return {row.id: row.environment for row in connection.execute(statement)}
