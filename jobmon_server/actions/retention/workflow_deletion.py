"""Deleting a workflow: marked in one transaction, and gone for everybody; then its rows go in batches, by whoever comes by.

Whoever is killed on the way leaves the mark, and the keeper goes on. Files of users are never touched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto

from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome, WorkflowRunStatus, WorkflowStatus
from jobmon_server.actions.operator.acts import ActOperation, Still, act_on_workflow
from jobmon_server.actions.operator.task_operation import ANOTHER
from jobmon_server.actions.retention.archive import archive, file_of
from jobmon_server.actions.retention.expiry import Going
from jobmon_server.actions.workflow.runs import end_run
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.reads import lookups
from jobmon_server.db.workflows import archive_rows, expiry, workflow_locks, workflow_removal
from jobmon_server.errors import Invalid, Unknown

_WHY = "its workflow is deleted"


@dataclass(frozen=True, slots=True)
class Deleted:
    """A workflow that was deleted: the status it had, and whether its rows are gone already."""

    outcome: Outcome
    workflow_id: int
    status: WorkflowStatus
    is_removed: bool


@dataclass(frozen=True, slots=True)
class DeletionOptions:
    """How to delete: even what lives, why, in whose name, and where to write it to before; what it must `still` be.

    Without an archive results and the ends of logs go only if `output` says so: there is no other copy.
    """

    force: bool = False
    reason: str | None = None
    actor: str | None = None
    archive_dir: str = ""
    still: Still | None = None
    output: bool = False


class DeletionStep(Enum):
    """What one batch of a removal came to."""

    GONE = auto()
    MORE = auto()
    LIVES = auto()


def delete_workflow(database: Database, workflow_id: int, how: DeletionOptions, going: Going) -> Deleted:
    """Delete a workflow, and as many of its rows as it may take now. Raises `Unknown`, or `Invalid` while something lives.

    By force all its tasks are stopped first; what was told to stop is waited for, by the keeper, before rows go.
    """
    status = None
    # Before anything is stopped; and again under the lock.
    database.read(_refuse_output, workflow_id, how)
    while status is None:
        if how.force:
            _stop(database, workflow_id, how)
            how = replace(how, still=None)
        if how.archive_dir and database.read(archive_rows.is_quiet, workflow_id):
            archive(database, workflow_id, file_of(how.archive_dir, workflow_id))
        status = database.transact(mark_deleted, workflow_id, how)
    is_removed = remove(database, workflow_id, how.archive_dir, going)
    return Deleted(Outcome.APPLIED, workflow_id, status, is_removed)


def _refuse_output(connection: Connection, workflow_id: int, how: DeletionOptions) -> None:
    if how.archive_dir or how.output or not archive_rows.has_output(connection, workflow_id):
        return
    raise Invalid(
        "There are results or logs and no archive of them: say delete_output, or set archive_dir.",
        extra={"status": lookups.read_workflow(connection, workflow_id)["status"]},
    )


def _stop(database: Database, workflow_id: int, how: DeletionOptions) -> None:
    deed = ActOperation("stop", how.reason or _WHY, how.actor)
    if act_on_workflow(database, workflow_id, deed, how.still).outcome is Outcome.UNTIMELY:
        raise Invalid(ANOTHER)


def mark_deleted(connection: Connection, workflow_id: int, how: DeletionOptions) -> WorkflowStatus | None:
    """Mark a workflow as deleted; None where it is to be stopped again first, for something was begun meanwhile."""
    locked = workflow_locks.lock_workflow(connection, workflow_id)
    if locked is None:
        raise Unknown("workflow", workflow_id)
    if how.still is not None and not how.still(connection, locked):
        raise Invalid(ANOTHER)
    run = locked.run
    is_live = workflow_locks.has_live_tasks(connection, workflow_id)
    said = {"status": locked.status}
    if how.force and is_live:
        return None
    if run is not None and run.is_alive:
        if not how.force:
            raise Invalid(f"Run {run.workflow_run_id} is alive until {run.report_by} UTC.", extra=said)
        end_run(connection, locked, WorkflowRunStatus.STOPPED, how.reason or _WHY)
    if is_live or (not how.force and lookups.still_stopping(connection, [workflow_id])):
        raise Invalid("Something in the workflow lives; stop it first, or say force.", extra=said)
    _refuse_output(connection, workflow_id, how)
    workflow_removal.mark(connection, workflow_id)
    return locked.status


def mark_purged(connection: Connection, workflow_id: int, keep_last: int, purge_after: float) -> bool:
    """Mark a workflow that was flagged long ago; False where that has changed."""
    if workflow_locks.lock_workflow(connection, workflow_id) is None:
        return False
    if not expiry.is_purgeable(connection, workflow_id, keep_last, purge_after):
        return False
    workflow_removal.mark(connection, workflow_id)
    return True


def remove(database: Database, workflow_id: int, archive_dir: str, going: Going) -> bool:
    """Remove the rows of a workflow that is marked, from the archive on; True when they are gone."""
    if not database.read(archive_rows.is_quiet, workflow_id):
        return False
    if archive_dir and database.read(archive_rows.header, workflow_id) is not None:
        archive(database, workflow_id, file_of(archive_dir, workflow_id))
    step = DeletionStep.MORE
    while step is DeletionStep.MORE and going():
        step = database.transact(remove_some, workflow_id)
    return step is DeletionStep.GONE


def remove_some(connection: Connection, workflow_id: int) -> DeletionStep:
    """Remove a batch: edges, or tasks with all that hangs on them, or, when no task is left, the workflow."""
    if not workflow_removal.lock_marked(connection, workflow_id):
        return DeletionStep.GONE
    task_ids = workflow_removal.some_tasks(connection, workflow_id)
    if not task_ids:
        workflow_removal.remove_workflow(connection, workflow_id)
        return DeletionStep.GONE
    if not workflow_removal.lock_ended(connection, task_ids):
        return DeletionStep.LIVES
    if workflow_removal.cut_edges(connection, task_ids):
        workflow_removal.remove_tasks(connection, task_ids)
    return DeletionStep.MORE
