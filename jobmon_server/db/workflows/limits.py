"""How many tasks may be live at once: of a workflow, and of each of its arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from jobmon_server.db.reads.id_pages import PageRequest, RowPage, fetch_page
from jobmon_server.db.schema.tables import array
from jobmon_server.db.schema.tables_workflow import workflow
from jobmon_server.db.workflows.workflow_locks import LockedWorkflow


def of_arrays(connection: Connection, workflow_id: int, names: Sequence[str]) -> dict[str, int | None]:
    """Return the limits of those of these arrays that there are."""
    statement = select(array.c.name, array.c.max_concurrently_running).where(
        array.c.workflow_id == workflow_id, array.c.name.in_(names)
    )
    return {row.name: row.max_concurrently_running for row in connection.execute(statement)}


def write_arrays(connection: Connection, workflow_id: int, limits: Mapping[str, int | None]) -> None:
    """Set the limits of these arrays; the workflow is locked. One statement for each different limit."""
    for limit in set(limits.values()):
        names = sorted(name for name, value in limits.items() if value == limit)
        statement = update(array).where(array.c.workflow_id == workflow_id, array.c.name.in_(names))
        connection.execute(statement.values(max_concurrently_running=limit))


def write_workflow(connection: Connection, locked: LockedWorkflow, limit: int | None) -> None:
    """Set the limit of a locked workflow."""
    values = {"max_concurrently_running": limit, "updated_at": locked.now}
    connection.execute(update(workflow).where(workflow.c.id == locked.workflow_id).values(values))


def list_arrays(connection: Connection, workflow_id: int, *, page: PageRequest) -> RowPage:
    """Return arrays of a workflow by id."""
    columns = (array.c.id.label("array_id"), array.c.name, array.c.max_concurrently_running)
    statement = select(*columns).where(array.c.workflow_id == workflow_id)
    return fetch_page(connection, statement, "array_id", page, array.c.id)
