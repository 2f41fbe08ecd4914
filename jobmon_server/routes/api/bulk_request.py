"""What every call about many has in common: who is meant, on which terms, and what the reply says of each."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import fields

from jobmon_client.states import OnError, Outcome, TaskStatus
from jobmon_server.actions.operator.acts import ActOperation
from jobmon_server.actions.operator.bulk import (
    BulkResult,
    Preview,
    do_to_tasks,
    rerun_tasks_and_below,
    show_tasks,
)
from jobmon_server.actions.operator.targets import Selection, TargetQuery
from jobmon_server.actions.operator.task_operation import TaskOperation
from jobmon_server.db.search import Entity
from jobmon_server.errors import Malformed
from jobmon_server.routes.fields.base import Count, ExactField, Flag, Id, ListOf, Schema, Text, WordField
from jobmon_server.routes.http.endpoint import database, reach, reply
from jobmon_server.routes.schemas.requests import LARGEST_BATCH, Why
from jobmon_server.routes.schemas.selection import Selecting, SelectingTasks, conditions_of

DIGEST_LENGTH = 32
#: What a body names by these ids.
ENTITIES = {"task_ids": Entity.TASK, "workflow_ids": Entity.WORKFLOW}
#: How many may be meant that are not named one by one.
MOST_FOUND = 1_000


class OnMany(Selecting):
    """On which terms many are acted on; `all` stands for a selection, so that nobody means everything by mistake."""

    all = Flag()
    preview = Flag(load_default=False)
    digest = ExactField(DIGEST_LENGTH, DIGEST_LENGTH)
    max_limit = Count()
    on_error = WordField(OnError, load_default=OnError.CONTINUE)


class OnTasks(OnMany, SelectingTasks):
    """The tasks to act on, by id or selected; an empty list of ids, or of a filter's values, changes nothing."""

    task_ids = ListOf(Id(), maximum=LARGEST_BATCH)


class OnTasksWhy(OnTasks, Why):
    """The tasks to act on, and why."""


class TaskOutcome(Schema):
    """What became of one of many that was not changed."""

    task_id = Id(required=True)
    outcome = WordField(Outcome, required=True)
    status = WordField(TaskStatus, required=True, allow_none=True)
    problem = Text(required=True, allow_none=True)


class TaskForeseen(TaskOutcome):
    """What would become of one of many."""

    would_be = WordField(TaskStatus, required=True)


class DoneToMany(Schema):
    """How many were changed; how many were meant, with the digest of their ids and statuses before; how many were not tried."""

    applied = Count(required=True)
    matched = Count(required=True)
    digest = Text(required=True)
    left = Count(required=True)


class DoneToTasks(DoneToMany):
    """Which tasks were changed, and an entry for each that was not; or, in a preview, what would become of the first."""

    task_ids = fields.List(Id(), required=True)
    outcomes = fields.List(fields.Nested(TaskOutcome), required=True)
    preview = fields.List(fields.Nested(TaskForeseen))


def asked_for(kind: str, body: dict[str, Any], most: int = MOST_FOUND) -> TargetQuery:
    """Take from a body who is meant; without ids `most` of them, unless it says more or less. Raises `Malformed` unless it says so in exactly one way."""
    facts = {name: body.pop(name) for name in ("digest", "on_error") if name in body}
    ways = [kind in body, bool(body.get("filter")), bool(body.get("search")), body.get("all", False)]
    if sum(ways) != 1:
        raise Malformed.field(kind, f"give one of {kind}, filter and search, or else all: true")
    ids = body.pop(kind, None)
    limit = body.pop("max_limit", most if ids is None else 0)
    selection = Selection(ENTITIES[kind], conditions_of(body))
    return TargetQuery(ids or (), None if ids is not None else selection, limit, reach=reach(), **facts)


def to_tasks(asked: TargetQuery, deed: TaskOperation, *, preview: bool) -> Response:
    """Do it to many tasks, or say what would become of them."""
    if preview:
        return shown_reply(show_tasks(database(), asked, deed))
    return done_reply(do_to_tasks(database(), asked, deed))


def rerun_with_below(asked: TargetQuery, deed: ActOperation, *, preview: bool) -> Response:
    """Rerun many tasks and what is below them, or say what would become of them."""
    if preview:
        return shown_reply(show_tasks(database(), asked, deed, cascade=True))
    return done_reply(rerun_tasks_and_below(database(), asked, deed))


def done_reply(done: BulkResult) -> Response:
    """Tell which tasks were changed, and what became of the others."""
    changed = [one.task_id for one in done.verdicts if one.outcome is Outcome.APPLIED]
    others = [one for one in done.verdicts if one.outcome is not Outcome.APPLIED]
    return reply(
        {
            "applied": len(changed),
            "matched": done.matched,
            "digest": done.digest,
            "left": done.left,
            "task_ids": changed,
            "outcomes": others,
        }
    )


def shown_reply(shown: Preview) -> Response:
    """Tell who is meant, and what would become of the first of them."""
    first = [
        {
            "task_id": one.task_id,
            "outcome": one.outcome,
            "status": shown.statuses[one.task_id],
            "problem": one.problem,
            "would_be": one.status,
        }
        for one in shown.verdicts
    ]
    return reply({**nothing_done(shown), "task_ids": [], "outcomes": [], "preview": first})


def nothing_done(shown: Preview) -> dict[str, Any]:
    """Return what every preview says."""
    return {"applied": 0, "matched": shown.matched, "digest": shown.digest, "left": 0}
