"""What tasks and workflows were defined as, locked to be changed. The workflow of the tasks is locked already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete
from sqlalchemy.engine import Connection

from jobmon_client.states import TaskStatus
from jobmon_server.db.core import clock
from jobmon_server.db.core.partial_update import Patches, patch_many
from jobmon_server.db.schema.attribute_index import index_attributes
from jobmon_server.db.schema.tables import task
from jobmon_server.db.workflows.task_locks import lock_rows

#: What can be changed of a task's definition while nothing of it is under way.
PROPERTIES = (
    "command",
    "cluster",
    "queue",
    "requested_resources",
    "resource_scales",
    "fallback_queues",
    "max_attempts",
    "priority",
)


@dataclass(frozen=True, slots=True)
class LockedDefinition:
    """A task's definition, locked."""

    task_id: int
    status: TaskStatus
    num_attempts: int
    properties: Mapping[str, Any]
    bound_as: Mapping[str, Any] | None
    now: datetime


_DEFINITION = (
    task.c.id,
    task.c.status,
    task.c.num_attempts,
    task.c.bound_as,
    *(task.c[name] for name in PROPERTIES),
    clock.now().label("now"),
)


def lock_definitions(
    connection: Connection, task_ids: Sequence[int], *, lock: bool = True
) -> list[LockedDefinition]:
    """Lock those of these tasks that there are, by id; without `lock` only read them."""
    return [
        LockedDefinition(
            row.id,
            row.status,
            row.num_attempts,
            {name: row._mapping[name] for name in PROPERTIES},
            row.bound_as,
            row.now,
        )
        for row in lock_rows(connection, _DEFINITION, task, task_ids, lock=lock)
    ]


@dataclass(frozen=True, slots=True)
class LockedAttributes:
    """The attributes of a task or of a workflow, locked; `status` is of the same row."""

    task_id: int
    status: Any
    attributes: Mapping[str, Any] | None
    now: datetime


def lock_attributes(
    connection: Connection, table: Table, ids: Sequence[int], *, lock: bool = True
) -> list[LockedAttributes]:
    """Lock those of these rows that there are, by id; without `lock` only read them."""
    columns = (table.c.id, table.c.status, table.c.attributes, clock.now().label("now"))
    rows = lock_rows(connection, columns, table, ids, lock=lock)
    return [LockedAttributes(row.id, row.status, row.attributes, row.now) for row in rows]


def write_attributes(connection: Connection, table: Table, index: Table, patches: Patches) -> None:
    """Write the attributes of these rows, and their index anew."""
    if patches:
        patch_many(connection, table, patches)
        owner = next(iter(index.primary_key.columns))
        connection.execute(delete(index).where(owner.in_(patches)))
        index_attributes(connection, index, [(one, patch["attributes"]) for one, patch in patches.items()])
