"""What was chosen to be acted on, as it stands now: no lock, by id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.engine import Connection

from jobmon_server.db.core.rows import BATCH
from jobmon_server.db.schema.tables import task
from jobmon_server.db.schema.tables_workflow import workflow

_TASKS = select(task.c.id, task.c.workflow_id, task.c.status)
_WORKFLOWS = select(workflow.c.id, workflow.c.id.label("workflow_id"), workflow.c.status).where(
    workflow.c.deleted_at.is_(None)
)


def read_tasks(connection: Connection, ids: Sequence[int]) -> list[Row[Any]]:
    """Return `id, workflow_id, status` of those of these tasks that there are."""
    return list(_look(connection, _TASKS, task.c.id, ids))


def read_workflows(connection: Connection, ids: Sequence[int]) -> list[Row[Any]]:
    """Return `id, workflow_id, status` of those of these workflows that there are."""
    return list(_look(connection, _WORKFLOWS, workflow.c.id, ids))


def _look(connection: Connection, statement: Select[Any], key: Any, ids: Sequence[int]) -> Iterator[Row[Any]]:
    for start in range(0, len(ids), BATCH):
        yield from connection.execute(statement.where(key.in_(ids[start : start + BATCH])))
