"""Deleting many workflows, each by itself, and who they would be, told beforehand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

from sqlalchemy.exc import DBAPIError

from jobmon_client.states import Outcome
from jobmon_server.actions.operator.bulk_workflows import still
from jobmon_server.actions.operator.targets import TargetQuery, choose_workflows, not_served, terms_of
from jobmon_server.actions.retention.expiry import Going
from jobmon_server.actions.retention.workflow_deletion import Deleted, DeletionOptions, delete_workflow
from jobmon_server.db.core.transaction import Database
from jobmon_server.errors import Busy, CorruptRow, Invalid, JobmonServerError, Unknown

_SKIPPED = {Unknown: Outcome.UNKNOWN, Invalid: Outcome.INVALID}


@dataclass(frozen=True, slots=True)
class DeletionFailure:
    """A workflow that was not deleted, and why; without an outcome where something went wrong."""

    workflow_id: int
    outcome: Outcome | None
    message: str


@dataclass(slots=True)
class DeletedMany:
    """Who was meant, and what became of each that was tried; `left` were not, because one before them was not deleted."""

    matched: int
    digest: str
    left: int
    deleted: list[Deleted] = field(default_factory=list)
    skipped: list[DeletionFailure] = field(default_factory=list)
    failed: list[DeletionFailure] = field(default_factory=list)


def delete_workflows(
    database: Database, asked: TargetQuery, how: DeletionOptions, going: Going
) -> DeletedMany:
    """Delete many workflows: foreign and unknown ids first, then by id; one that cannot be deleted does not stop the others.

    Raises `Invalid`, and deletes nothing, as `choose_workflows` does.
    """
    chosen = database.read(choose_workflows, asked)
    terms = terms_of(asked, chosen)
    how = replace(how, still=partial(still, terms))
    ids = [*chosen.unknown, *chosen.ids]
    many = DeletedMany(chosen.matched, chosen.digest, chosen.number)
    for one, _, why in not_served(chosen):
        many.skipped.append(DeletionFailure(one, Outcome.FENCED, why))
        many.left -= 1
    if terms.stop and many.skipped:
        return many
    for is_deleted in (_delete(database, one, how, going, many) for one in ids):
        many.left -= 1
        if terms.stop and not is_deleted:
            break
    return many


def _delete(
    database: Database, workflow_id: int, how: DeletionOptions, going: Going, many: DeletedMany
) -> bool:
    try:
        many.deleted.append(delete_workflow(database, workflow_id, how, going))
    except (Unknown, Invalid) as error:
        many.skipped.append(DeletionFailure(workflow_id, _SKIPPED[type(error)], error.message))
    except (Busy, DBAPIError, CorruptRow) as error:
        busy = Outcome.BUSY if isinstance(error, Busy) else None
        message = error.message if isinstance(error, JobmonServerError) else str(error).splitlines()[0]
        many.failed.append(DeletionFailure(workflow_id, busy, message))
    else:
        return True
    return False
