"""What "what if" needs of a workflow: its run, what is ready now, and who waits for whom. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.engine import Connection

from jobmon_client.states import TaskStatus, WorkflowStatus
from jobmon_server.db.core.rows import chunks
from jobmon_server.db.schema.tables import edge, task
from jobmon_server.db.schema.tables_workflow import workflow, workflow_run
from jobmon_server.db.workflows import task_locks
from jobmon_server.fsm.task import QUEUEABLE
from jobmon_server.fsm.workflow import WORKFLOW_RUN


@dataclass(frozen=True, slots=True)
class WorkflowSnapshot:
    """A workflow as it is seen without a lock."""

    status: WorkflowStatus
    held: bool
    run_alive: bool
    ever_run: bool


def read_snapshot(connection: Connection, workflow_id: int) -> WorkflowSnapshot | None:
    """Return the workflow and whether its last run is alive; None when there is no such workflow."""
    statement = (
        select(workflow.c.status, workflow.c.held, workflow_run.c.status.label("run_status"))
        .outerjoin(workflow_run, workflow_run.c.id == workflow.c.last_run_id)
        .where(workflow.c.id == workflow_id)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    return WorkflowSnapshot(
        row.status, row.held, row.run_status in WORKFLOW_RUN.live, row.run_status is not None
    )


def unreleased(connection: Connection, workflow_id: int) -> list[int]:
    """Return the DONE tasks that have not told their downstreams yet."""
    statement = select(task.c.id).where(
        task.c.workflow_id == workflow_id, task.c.status == TaskStatus.DONE, task.c.released == 0
    )
    return list(connection.execute(statement).scalars())


def is_any_ready(connection: Connection, workflow_id: int, but: Collection[int]) -> bool:
    """Tell whether a task other than these could be queued now."""
    statement = select(task.c.id).where(
        task.c.workflow_id == workflow_id,
        task.c.status.in_(QUEUEABLE),
        task.c.released == 0,
        task.c.upstreams_left == 0,
    )
    ready = connection.execute(statement.limit(len(but) + 1)).scalars()
    return not set(ready) <= set(but)


def upstreams(connection: Connection, task_ids: Iterable[int]) -> dict[int, list[int]]:
    """Return what each of these tasks waits for directly; those that wait for none are left out."""
    found: dict[int, list[int]] = {}
    for batch in chunks(sorted(task_ids)):
        statement = select(edge.c.downstream_id, edge.c.upstream_id).where(edge.c.downstream_id.in_(batch))
        for row in connection.execute(statement):
            found.setdefault(row.downstream_id, []).append(row.upstream_id)
    return found


def statuses(connection: Connection, task_ids: Iterable[int]) -> dict[int, TaskStatus]:
    """Return the statuses of these tasks."""
    found: dict[int, TaskStatus] = {}
    for batch in chunks(sorted(task_ids)):
        found |= task_locks.statuses(connection, batch)
    return found
