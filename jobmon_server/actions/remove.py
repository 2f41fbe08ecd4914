"""Deleting a workflow: marked in one transaction, and gone for everybody; then its rows go in batches, by whoever comes by.

Whoever is killed on the way leaves the mark, and the keeper goes on. Files of users are never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from jobmon_client.states import Outcome, WorkflowRunStatus, WorkflowStatus
from jobmon_server.actions.acts import ActOn, act_on_workflow
from jobmon_server.actions.archive import archive, file_of
from jobmon_server.actions.expire import Going
from jobmon_server.actions.runs import end_run
from jobmon_server.db import archiving, dag, keeping, removing, search, workflows
from jobmon_server.db.search import Condition, Entity
from jobmon_server.db.transaction import Database
from jobmon_server.errors import Busy, CorruptRow, Invalid, Unknown

_WHY = "its workflow is deleted"
#: How many workflows one call takes, where they are not named.
MOST = 10_000


@dataclass(frozen=True, slots=True)
class Deleted:
    """A workflow that was deleted: the status it had, and whether its rows are gone already."""

    outcome: Outcome
    workflow_id: int
    status: WorkflowStatus
    is_removed: bool


@dataclass(frozen=True, slots=True)
class How:
    """How to delete: even what lives, why, in whose name, and where to write it to before."""

    force: bool = False
    reason: str | None = None
    actor: str | None = None
    archive_dir: str = ""


@dataclass(frozen=True, slots=True)
class Which:
    """Which workflows to delete: those of these ids or, where ids are not given, all that meet the conditions."""

    workflow_ids: Sequence[int] | None
    conditions: Sequence[Condition]
    max_limit: int


@dataclass(frozen=True, slots=True)
class NotDeleted:
    """A workflow that was not deleted, and why; without an outcome where something went wrong."""

    workflow_id: int
    outcome: Outcome | None
    message: str


@dataclass(slots=True)
class DeletedMany:
    """How many workflows were matched, and what became of each that was taken on."""

    matched: int
    deleted: list[Deleted] = field(default_factory=list)
    skipped: list[NotDeleted] = field(default_factory=list)
    failed: list[NotDeleted] = field(default_factory=list)


class Step(Enum):
    """What one batch of a removal came to."""

    GONE = auto()
    MORE = auto()
    LIVES = auto()


def delete_workflow(database: Database, workflow_id: int, how: How, going: Going) -> Deleted:
    """Delete a workflow, and as many of its rows as it may take now. Raises `Unknown`, or `Invalid` while something lives.

    By force all its tasks are stopped first; what was told to stop is waited for, by the keeper, before rows go.
    """
    status = None
    while status is None:
        if how.force:
            act_on_workflow(database, workflow_id, ActOn("stop", how.reason or _WHY, how.actor))
        if how.archive_dir and database.read(archiving.is_quiet, workflow_id):
            archive(database, workflow_id, file_of(how.archive_dir, workflow_id))
        status = database.transact(mark_deleted, workflow_id, how)
    is_removed = remove(database, workflow_id, how.archive_dir, going)
    return Deleted(Outcome.APPLIED, workflow_id, status, is_removed)


def delete_workflows(database: Database, which: Which, how: How, going: Going) -> DeletedMany:
    """Delete each of these workflows; one that cannot be deleted does not stop the others.

    Raises `Invalid`, and deletes nothing, where more are matched than may be.
    """
    many = DeletedMany(database.read(_matched, which))
    if which.max_limit and many.matched > which.max_limit:
        raise Invalid(
            f"{many.matched} workflows are matched, more than max_limit, {which.max_limit}; nothing was deleted.",
            extra={"matched": many.matched},
        )
    for one in database.read(_ids, which):
        _delete_one(database, one, how, going, many)
    return many


def _matched(connection: Connection, which: Which) -> int:
    if which.workflow_ids is None:
        return search.count(connection, Entity.WORKFLOW, which.conditions)
    pieces = dag.chunks(sorted(set(which.workflow_ids)))
    return sum(len(removing.present(connection, some)) for some in pieces)


def _ids(connection: Connection, which: Which) -> list[int]:
    if which.workflow_ids is None:
        return search.select_ids(connection, Entity.WORKFLOW, which.conditions, limit=MOST)
    return sorted(set(which.workflow_ids))


def _delete_one(database: Database, one: int, how: How, going: Going, many: DeletedMany) -> None:
    try:
        many.deleted.append(delete_workflow(database, one, how, going))
    except Unknown as error:
        many.skipped.append(NotDeleted(one, Outcome.UNKNOWN, error.message))
    except Invalid as error:
        many.skipped.append(NotDeleted(one, Outcome.INVALID, error.message))
    except Busy as error:
        many.failed.append(NotDeleted(one, Outcome.BUSY, error.message))
    except (DBAPIError, CorruptRow) as error:
        many.failed.append(NotDeleted(one, None, str(error).splitlines()[0]))


def mark_deleted(connection: Connection, workflow_id: int, how: How) -> WorkflowStatus | None:
    """Mark a workflow as deleted; None where it is to be stopped again first, for something was begun meanwhile."""
    locked = workflows.lock_workflow(connection, workflow_id)
    if locked is None:
        raise Unknown("workflow", workflow_id)
    run = locked.run
    is_live = workflows.has_live_tasks(connection, workflow_id)
    said = {"status": locked.status}
    if how.force and is_live:
        return None
    if run is not None and run.is_alive:
        if not how.force:
            raise Invalid(f"Run {run.workflow_run_id} is alive until {run.report_by} UTC.", extra=said)
        end_run(connection, locked, WorkflowRunStatus.STOPPED, how.reason or _WHY)
    if is_live or (not how.force and keeping.still_stopping(connection, [workflow_id])):
        raise Invalid("Something in the workflow lives; stop it first, or say force.", extra=said)
    removing.mark(connection, workflow_id)
    return locked.status


def mark_purged(connection: Connection, workflow_id: int, keep_last: int, purge_after: float) -> bool:
    """Mark a workflow that was flagged long ago; False where that has changed."""
    if workflows.lock_workflow(connection, workflow_id) is None:
        return False
    if not keeping.is_purgeable(connection, workflow_id, keep_last, purge_after):
        return False
    removing.mark(connection, workflow_id)
    return True


def remove(database: Database, workflow_id: int, archive_dir: str, going: Going) -> bool:
    """Remove the rows of a workflow that is marked, from the archive on; True when they are gone."""
    if not database.read(archiving.is_quiet, workflow_id):
        return False
    if archive_dir and database.read(archiving.header, workflow_id) is not None:
        archive(database, workflow_id, file_of(archive_dir, workflow_id))
    step = Step.MORE
    while step is Step.MORE and going():
        step = database.transact(remove_some, workflow_id)
    return step is Step.GONE


def remove_some(connection: Connection, workflow_id: int) -> Step:
    """Remove a batch: edges, or tasks with all that hangs on them, or, when no task is left, the workflow."""
    if not removing.lock_marked(connection, workflow_id):
        return Step.GONE
    task_ids = removing.some_tasks(connection, workflow_id)
    if not task_ids:
        removing.remove_workflow(connection, workflow_id)
        return Step.GONE
    if not removing.lock_ended(connection, task_ids):
        return Step.LIVES
    if removing.cut_edges(connection, task_ids):
        removing.remove_tasks(connection, task_ids)
    return Step.MORE
