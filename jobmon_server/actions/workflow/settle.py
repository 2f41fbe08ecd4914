"""*Settle*: pass DONE on along the edges, compute the workflow's status, and end its run with it. Idempotent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from jobmon_client.states import TaskStatus, WorkflowRunStatus, WorkflowStatus
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.workflows import dag, workflow_locks
from jobmon_server.db.workflows.workflow_locks import LockedWorkflow
from jobmon_server.errors import Unknown
from jobmon_server.fsm.workflow import RUN_ENDS, workflow_status


def settle_if_over(database: Database, workflow_ids: Iterable[int | None]) -> None:
    """Settle the workflows in which nothing is live any more; called after a commit, when a task left the live ones.

    The look is taken after the commit, so of two last reports at least one sees the other's.
    """
    for workflow_id in {one for one in workflow_ids if one is not None}:
        if not database.read(workflow_locks.has_live_tasks, workflow_id):
            database.transact(settle, workflow_id)


def settle(connection: Connection, workflow_id: int) -> WorkflowStatus | None:
    """Settle one workflow; None when there is no such workflow."""
    locked = workflow_locks.lock_workflow(connection, workflow_id)
    return None if locked is None else settle_locked(connection, locked)


@dataclass(frozen=True, slots=True)
class Settled:
    """What settling came to: how many DONE tasks told their downstreams, and the workflow's status before and after."""

    released: int
    was: WorkflowStatus
    status: WorkflowStatus


def recompute(connection: Connection, workflow_id: int) -> Settled:
    """Settle one workflow now, and say what that changed. Raises `Unknown`."""
    locked = workflow_locks.lock_workflow(connection, workflow_id)
    if locked is None:
        raise Unknown("workflow", workflow_id)
    released = dag.release_done(connection, workflow_id)
    return Settled(released, locked.status, settle_locked(connection, locked))


def settle_locked(connection: Connection, locked: LockedWorkflow) -> WorkflowStatus:
    """Settle a workflow that is locked already, with its last run; what was read of the run must still be true.

    Where all tasks are DONE nobody waits to be told: who is reset later is told by a later settle or queue.
    """
    facts = workflow_locks.read_facts(connection, locked)
    if facts.present - {TaskStatus.DONE} and dag.release_done(connection, locked.workflow_id):
        facts = workflow_locks.read_facts(connection, locked)
    if not facts.present and _waits_for_its_first_heartbeat(locked):
        return locked.status
    status = workflow_status(facts)
    if status is not locked.status:
        workflow_locks.write_status(connection, locked, status)
    run = locked.run
    if status in RUN_ENDS and run is not None and run.is_alive:
        workflow_locks.write_run(connection, run, RUN_ENDS[status], reason=f"its workflow is {status}")
    return status


def _waits_for_its_first_heartbeat(empty: LockedWorkflow) -> bool:
    """An empty workflow is DONE at its run's first heartbeat, no sooner, and stays so when that run has ended."""
    is_bound = empty.run is not None and empty.run.status is WorkflowRunStatus.BOUND
    return is_bound or empty.status is WorkflowStatus.DONE
