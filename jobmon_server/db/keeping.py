"""Which workflows are past their time, which of them are kept all the same, and what is shown of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from jobmon_client.states import TaskInstanceStatus
from jobmon_server.db.models import task, task_instance
from jobmon_server.db.pairs import by_index

Row = dict[str, Any]


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
            task.c.workflow_id.in_(workflow_ids),
        )
        .distinct()
    )
    return set(connection.execute(by_index(statement, task_instance, "ix_task_instance_tended")).scalars())


def as_shown(connection: Connection, rows: Sequence[Row]) -> list[Row]:
    """Return rows of workflows with `expires_at` null where something lives still: one statement, or none."""
    over = [row["workflow_id"] for row in rows if row["expires_at"] is not None]
    held = still_stopping(connection, over)
    return [{**row, "expires_at": None} if row["workflow_id"] in held else row for row in rows]
