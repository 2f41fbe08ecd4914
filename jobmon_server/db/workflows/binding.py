"""The rows that binding makes and finds, in bulk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.engine import Connection

from jobmon_server.db.core import clock
from jobmon_server.db.core.guarded_update import status_values
from jobmon_server.db.core.types import inserted_id
from jobmon_server.db.schema.execution import as_columns, as_told
from jobmon_server.db.schema.tables import array, edge, task
from jobmon_server.db.schema.tables_workflow import workflow
from jobmon_server.fsm.workflow import WORKFLOW

_ROWS = 1000
_HAS_TASKS = select(task.c.id).where(task.c.workflow_id == bindparam("workflow_id")).limit(1)


@dataclass(frozen=True, slots=True)
class KnownTask:
    """A task that was bound before; `is_released` when its DONE has been passed on, so that nobody waits for it."""

    task_id: int
    is_released: bool
    digest: str


def find_workflow(connection: Connection, client_id: str | None, request_id: str | None) -> Any:
    """Return the row that this request made before; None when that is nothing, or is being deleted."""
    if client_id is None or request_id is None:
        return None
    statement = select(workflow).where(workflow.c.client_id == client_id, workflow.c.request_id == request_id)
    row = connection.execute(statement).one_or_none()
    if row is None or row.deleted_at is None:
        return row
    # Its rows may be there for a while; who binds anew need not wait for their end.
    freed = update(workflow).where(workflow.c.id == row.id)
    connection.execute(freed.values(client_id=None, request_id=None))
    return None


def add_workflow(connection: Connection, definition: dict[str, Any]) -> int:
    """Insert a workflow."""
    now = clock.read_clock(connection)
    row = {**definition, **status_values(WORKFLOW.initial, now), "created_at": now}
    return inserted_id(connection.execute(insert(workflow).values(row)))


def read_defaults(connection: Connection, workflow_id: int) -> dict[str, Any]:
    """Return what a workflow says of how its tasks run; it never changes."""
    columns = [workflow.c[name] for name in as_columns({})]
    row = connection.execute(select(*columns).where(workflow.c.id == workflow_id)).mappings().one()
    return as_told(dict(row))


def known_tasks(connection: Connection, workflow_id: int, names: Iterable[str]) -> dict[str, KnownTask]:
    """Return those of the names that the workflow has already."""
    known: dict[str, KnownTask] = {}
    if connection.execute(_HAS_TASKS, {"workflow_id": workflow_id}).one_or_none() is None:
        return known
    for some in _pieces(sorted(names)):
        statement = select(task.c.name, task.c.id, task.c.released, task.c.definition_digest).where(
            task.c.workflow_id == workflow_id, task.c.name.in_(some)
        )
        for row in connection.execute(statement):
            known[row.name] = KnownTask(row.id, row.released, row.definition_digest)
    return known


def arrays(
    connection: Connection, workflow_id: int, names: set[str], limits: Sequence[dict[str, Any]]
) -> dict[str, int]:
    """Get or make the arrays of these names; set the limits that are given. Returns their ids by name."""
    given = {one["name"]: one.get("max_concurrently_running") for one in limits}
    statement = select(array.c.name, array.c.id).where(array.c.workflow_id == workflow_id)
    known = {row.name for row in connection.execute(statement)}
    missing = sorted((names | given.keys()) - known)
    rows = [
        {"workflow_id": workflow_id, "name": name, "max_concurrently_running": given.get(name)}
        for name in missing
    ]
    if rows:
        connection.execute(insert(array), rows)
    for name in sorted(given.keys() & known):
        limited = update(array).where(array.c.workflow_id == workflow_id, array.c.name == name)
        connection.execute(limited.values(max_concurrently_running=given[name]))
    return {row.name: row.id for row in connection.execute(statement)}


def add_tasks(connection: Connection, workflow_id: int, rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Insert tasks, made as they are wanted; the workflow is locked, so what is newer than before is ours.

    Returns their ids by name.
    """
    of_workflow = task.c.workflow_id == workflow_id
    newest = connection.execute(select(func.coalesce(func.max(task.c.id), 0)).where(of_workflow)).scalar_one()
    for some in _pieces(rows):
        connection.execute(insert(task), some)
    added = select(task.c.name, task.c.id).where(of_workflow, task.c.id > newest)
    return dict(connection.execute(added).all())


def add_edges(connection: Connection, pairs: Iterable[tuple[int, int]]) -> None:
    """Insert edges, upstream first."""
    for some in _pieces(sorted(pairs)):
        connection.execute(insert(edge), [{"upstream_id": up, "downstream_id": down} for up, down in some])


def _pieces(items: Iterable[Any]) -> Iterator[Sequence[Any]]:
    rest = iter(items)
    while some := list(islice(rest, _ROWS)):
        yield some
