"""A deed done to many tasks in bounded transactions, and what it would do, told beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome
from jobmon_server.actions.operator.acts import ActOperation
from jobmon_server.actions.operator.cascade import begun_below, rerun_below
from jobmon_server.actions.operator.targets import TargetQuery, Targets, choose_tasks, not_served, terms_of
from jobmon_server.actions.operator.task_operation import (
    ACCEPTED,
    Preconditions,
    TaskOperation,
    TaskVerdict,
    try_to_do,
)
from jobmon_server.db.core.rows import chunks
from jobmon_server.db.core.transaction import Database

#: How many a preview shows.
MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class BulkResult:
    """A verdict for each that was tried; `left` were not, because one before them was refused."""

    matched: int
    digest: str
    verdicts: Sequence[Any]
    left: int = 0


@dataclass(frozen=True, slots=True)
class Preview:
    """What would become of the first of those who are meant; `statuses` are what all of them are now."""

    matched: int
    digest: str
    statuses: dict[int, Any]
    verdicts: Sequence[Any]


def do_to_tasks(database: Database, asked: TargetQuery, deed: TaskOperation) -> BulkResult:
    """Do a deed to many tasks: unknown and foreign ids first, then by workflow and id. Raises `Invalid` as `choose_tasks` does."""
    chosen = database.read(choose_tasks, asked)
    verdicts = _do(database, chosen, deed, terms_of(asked, chosen))
    return BulkResult(chosen.matched, chosen.digest, verdicts, chosen.number - len(verdicts))


def rerun_tasks_and_below(database: Database, asked: TargetQuery, deed: ActOperation) -> BulkResult:
    """Rerun many tasks, then what is below them and has begun; both are counted, and told by the digest."""
    chosen = database.read(choose_tasks, asked, begun_below)
    terms = terms_of(asked, chosen)
    verdicts = _do(database, chosen, deed, terms)
    left = chosen.number - len(verdicts)
    if not terms.stop or not _is_refused(verdicts):
        done = {one.task_id for one in verdicts if one.outcome in ACCEPTED}
        for workflow_id, ids in chosen.by_workflow.items():
            top = [one for one in ids if one in done]
            verdicts += rerun_below(database, workflow_id, top, deed)
    return BulkResult(chosen.matched, chosen.digest, verdicts, left)


def _do(database: Database, chosen: Targets, deed: TaskOperation, terms: Preconditions) -> list[TaskVerdict]:
    verdicts = [TaskVerdict(one, Outcome.UNKNOWN) for one in chosen.unknown]
    verdicts += [TaskVerdict(one, Outcome.FENCED, *why) for one, *why in not_served(chosen)]
    for workflow_id, ids in chosen.by_workflow.items():
        for batch in chunks(sorted(ids, reverse=deed.is_joint)):
            if terms.stop and _is_refused(verdicts):
                return verdicts
            verdicts += try_to_do(database, workflow_id, batch, deed, terms)
    return verdicts


def _is_refused(verdicts: Sequence[TaskVerdict]) -> bool:
    return any(one.outcome not in ACCEPTED for one in verdicts)


def show_tasks(
    database: Database, asked: TargetQuery, deed: TaskOperation, *, cascade: bool = False
) -> Preview:
    """Say what a deed would do, and do nothing. Raises `Invalid` as `choose_tasks` does."""
    chosen = database.read(choose_tasks, asked, begun_below if cascade else None)
    first = sorted({*chosen.ids, *chosen.below}, reverse=deed.is_joint)[:MOST_SHOWN]
    verdicts = database.read(_preview, deed, first)
    return Preview(chosen.matched, chosen.digest, dict(chosen.statuses), verdicts)


def _preview(connection: Connection, deed: TaskOperation, task_ids: Sequence[int]) -> list[TaskVerdict]:
    tasks = deed.lock(connection, task_ids, lock=False)
    return [one.verdict for one in deed.plan(tasks)]
