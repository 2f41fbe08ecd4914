"""An act done to many workflows, each to all of its tasks; and how many tasks it would change, told beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome, Status
from jobmon_server.actions.operator.acts import ActOperation, act_on_workflow, can_be
from jobmon_server.actions.operator.atomic import set_all_or_none
from jobmon_server.actions.operator.attributes import SetWorkflowAttributes
from jobmon_server.actions.operator.bulk import MOST_SHOWN, BulkResult, Preview
from jobmon_server.actions.operator.targets import (
    TargetQuery,
    Targets,
    choose_workflows,
    not_served,
    terms_of,
)
from jobmon_server.actions.operator.task_operation import ACCEPTED, Preconditions, TaskVerdict, do_locked
from jobmon_server.db.core.rows import chunks
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.workflows import task_locks
from jobmon_server.db.workflows.workflow_locks import LockedWorkflow
from jobmon_server.errors import Busy, Unknown


@dataclass(frozen=True, slots=True)
class WorkflowVerdict:
    """What became of an act on one workflow of many, and how many of its tasks it changed; an unknown one has no status."""

    workflow_id: int
    outcome: Outcome
    status: Status | None = None
    tasks: int = 0
    problem: str | None = None


def act_on_workflows(database: Database, asked: TargetQuery, deed: ActOperation) -> BulkResult:
    """Do one act to many workflows: foreign and unknown ids first, then by id. Raises `Invalid` as `choose_workflows` does."""
    chosen = database.read(choose_workflows, asked)
    terms = terms_of(asked, chosen)
    verdicts = _fenced(chosen)
    for workflow_id in [*chosen.unknown, *chosen.ids]:
        if terms.stop and _is_refused(verdicts):
            break
        verdicts.append(_act(database, workflow_id, deed, terms))
    return BulkResult(chosen.matched, chosen.digest, verdicts, chosen.number - len(verdicts))


def _fenced(chosen: Targets) -> list[WorkflowVerdict]:
    """Return the verdicts on workflows that were named and are not the caller's to change."""
    return [
        WorkflowVerdict(one, Outcome.FENCED, status, problem=why) for one, status, why in not_served(chosen)
    ]


def _is_refused(verdicts: Sequence[WorkflowVerdict]) -> bool:
    return any(one.outcome not in ACCEPTED for one in verdicts)


def _act(database: Database, workflow_id: int, deed: ActOperation, terms: Preconditions) -> WorkflowVerdict:
    try:
        verdict = act_on_workflow(database, workflow_id, deed, partial(still, terms))
    except Unknown:
        return WorkflowVerdict(workflow_id, Outcome.UNKNOWN)
    except Busy:
        return WorkflowVerdict(workflow_id, Outcome.BUSY)
    # That it is held now, or no longer, is a change of the workflow, whatever became of its tasks.
    outcome = Outcome.APPLIED if verdict.hold_changed else verdict.outcome
    return WorkflowVerdict(workflow_id, outcome, verdict.status, len(verdict.task_ids), verdict.problem)


def still(terms: Preconditions, connection: Connection, locked: LockedWorkflow) -> bool:
    """Tell whether a workflow is what it was chosen for, now that it is locked."""
    return not terms.others(connection, {locked.workflow_id: locked.status})


def show_workflows(database: Database, asked: TargetQuery, deed: ActOperation) -> Preview:
    """Say how many tasks of each an act would change, and do nothing. Raises `Invalid` as `choose_workflows` does."""
    chosen = database.read(choose_workflows, asked)
    return _shown(chosen, database.read(task_locks.count, chosen.ids[:MOST_SHOWN], can_be(deed.verb)))


def show_chosen_workflows(database: Database, asked: TargetQuery) -> Preview:
    """Say who is meant. Raises `Invalid` as `choose_workflows` does."""
    return _shown(database.read(choose_workflows, asked), {})


def _shown(chosen: Targets, counts: Mapping[int, int]) -> Preview:
    first = [
        {"workflow_id": one, "status": chosen.statuses[one], "tasks": counts.get(one, 0)}
        for one in chosen.ids[:MOST_SHOWN]
    ]
    return Preview(chosen.matched, chosen.digest, dict(chosen.statuses), first)


def set_workflow_attributes(
    database: Database, asked: TargetQuery, deed: SetWorkflowAttributes
) -> BulkResult:
    """Set attributes of many workflows: foreign and unknown ids first, then by id. Raises `Invalid` as `choose_workflows` does."""
    chosen = database.read(choose_workflows, asked)
    terms = terms_of(asked, chosen)
    verdicts = [*_fenced(chosen), *(WorkflowVerdict(one, Outcome.UNKNOWN) for one in chosen.unknown)]
    for batch in chunks(chosen.ids):
        if terms.stop and _is_refused(verdicts):
            break
        verdicts += _set(database, batch, deed, terms)
    return BulkResult(chosen.matched, chosen.digest, verdicts, chosen.number - len(verdicts))


def _set(
    database: Database, workflow_ids: Sequence[int], deed: SetWorkflowAttributes, terms: Preconditions
) -> list[WorkflowVerdict]:
    try:
        found = database.transact(do_locked, workflow_ids, deed, terms)
    except Busy:
        return [WorkflowVerdict(one, Outcome.BUSY) for one in workflow_ids]
    return _of_workflows(found)


def set_workflow_attributes_together(
    database: Database, asked: TargetQuery, deed: SetWorkflowAttributes
) -> BulkResult:
    """Set attributes of all these workflows or of none. Raises `Invalid` as `set_all_or_none` does."""
    done = set_all_or_none(database, asked, deed)
    return replace(done, verdicts=_of_workflows(done.verdicts))


def _of_workflows(verdicts: Sequence[TaskVerdict]) -> list[WorkflowVerdict]:
    return [WorkflowVerdict(one.task_id, one.outcome, one.status, problem=one.problem) for one in verdicts]
