"""One thing, found by what somebody knows of it; and commands of many tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from jobmon_server.db.core.rows import RowDict
from jobmon_server.db.reads.lookups import read_error_log, read_journal, read_task_instance, read_workflow
from jobmon_server.db.schema.tables import task
from jobmon_server.db.search.fields import id_field
from jobmon_server.db.search.query import Condition, Entity, Operator, Query
from jobmon_server.db.search.statements import list_rows
from jobmon_server.errors import Unknown


def find_workflow(connection: Connection, **known: int) -> RowDict:
    """Return the workflow of this id, or of this task or instance. Raises `Unknown`."""
    ((name, value),) = known.items()
    field = name if name == id_field(Entity.WORKFLOW) else f"member_{name}"
    found = _newest(connection, Entity.WORKFLOW, Condition(field, Operator.EQ, value))
    if found is None:
        raise Unknown(f"workflow of {name.replace('_', ' ')}", value)
    return read_workflow(connection, found)


def find_task_instance(connection: Connection, attempt: int | None = None, **known: Any) -> RowDict:
    """Return the instance of this id, of this task (its last attempt, or the one given), or of this cluster's id.

    A cluster may use its ids again: then the newest. Raises `Unknown`.
    """
    ((name, value),) = known.items()
    conditions = [Condition("cluster_id" if name == "distributor_id" else name, Operator.EQ, value)]
    if name == id_field(Entity.TASK):
        which = Condition("last", Operator.EQ, value=True)
        conditions.append(which if attempt is None else Condition("attempt", Operator.EQ, attempt))
    found = _newest(connection, Entity.TASK_INSTANCE, *conditions)
    if found is None:
        raise Unknown(f"task instance of {name.replace('_', ' ')}", value)
    return read_task_instance(connection, found)


def _newest(connection: Connection, entity: Entity, *conditions: Condition) -> int | None:
    own_id = id_field(entity)
    query = Query(conditions, (own_id,), limit=1, with_total=False)
    rows = list_rows(connection, entity, query).rows
    return int(rows[0][own_id]) if rows else None


def read_with_history(connection: Connection, task_instance_id: int) -> RowDict:
    """Return an instance with all that was decided about it and its errors, oldest first. Raises `Unknown`."""
    return {
        **read_task_instance(connection, task_instance_id),
        "journal": read_journal(connection, task_instance_id),
        "task_instance_error_log": read_error_log(connection, task_instance_id),
    }


def read_commands(connection: Connection, task_ids: Sequence[int]) -> dict[int, str]:
    """Return the commands of those of these tasks that there are."""
    statement = select(task.c.id, task.c.command).where(task.c.id.in_(task_ids))
    return {row.id: row.command for row in connection.execute(statement)}
