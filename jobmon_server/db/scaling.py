"""The resources of tasks that are to ask for more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from jobmon_server.db.models import task


def read_scales(connection: Connection, task_ids: Sequence[int]) -> dict[int, Any]:
    """Return what these tasks, locked already, ask for and how it grows: `requested_resources`, `resource_scales`."""
    columns = (task.c.id, task.c.requested_resources, task.c.resource_scales)
    statement = select(*columns).where(task.c.id.in_(task_ids))
    return {row.id: row for row in connection.execute(statement)}
