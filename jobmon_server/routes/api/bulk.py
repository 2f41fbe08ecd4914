"""Acts on many tasks and on many workflows at once."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import fields

from jobmon_client.states import Outcome, WorkflowStatus
from jobmon_server.actions.operator.acts import ActOperation
from jobmon_server.actions.operator.bulk import BulkResult, Preview
from jobmon_server.actions.operator.bulk_workflows import act_on_workflows, show_workflows
from jobmon_server.actions.operator.targets import TargetQuery
from jobmon_server.fsm.acts import ACTS
from jobmon_server.routes.api.bulk_request import (
    DoneToMany,
    DoneToTasks,
    OnMany,
    OnTasksWhy,
    asked_for,
    nothing_done,
    rerun_with_below,
    to_tasks,
)
from jobmon_server.routes.fields.base import Count, Flag, Id, ListOf, Schema, Text, WordField
from jobmon_server.routes.http.endpoint import actor, blueprint, database, post, reply
from jobmon_server.routes.schemas.requests import LARGEST_BATCH, Why
from jobmon_server.routes.schemas.selection import SelectingWorkflows

bulk = blueprint("bulk", "Acts on many tasks and workflows, chosen by id or by what is known of them.")
REFUSALS = (409, 422, 503)


class OnTasksAndBelow(OnTasksWhy):
    """The tasks to run again, and whether what is below them and has begun is to run again as well."""

    cascade = Flag(load_default=False)


class OnWorkflows(OnMany, SelectingWorkflows):
    """The workflows to act on, by id or selected; an empty list of ids, or of a filter's values, changes nothing."""

    workflow_ids = ListOf(Id(), maximum=LARGEST_BATCH)


class OnWorkflowsWhy(OnWorkflows, Why):
    """The workflows to act on, and why."""


class WorkflowShown(Schema):
    """A workflow, and how many of its tasks would be changed."""

    workflow_id = Id(required=True)
    status = WordField(WorkflowStatus, required=True)
    tasks = Count(required=True)


class WorkflowOutcome(Schema):
    """What became of one of many, and how many of its tasks were changed."""

    workflow_id = Id(required=True)
    outcome = WordField(Outcome, required=True)
    status = WordField(WorkflowStatus, required=True, allow_none=True)
    tasks = Count(required=True)
    problem = Text(required=True, allow_none=True)


class DoneToWorkflows(DoneToMany):
    """Which workflows were changed, and what became of each; or, in a preview, what would become of the first."""

    workflow_ids = fields.List(Id(), required=True)
    outcomes = fields.List(fields.Nested(WorkflowOutcome), required=True)
    preview = fields.List(fields.Nested(WorkflowShown))


def _route(verb: str) -> None:
    """Route one VERB on many tasks, and on many workflows."""

    def on_tasks(**body: Any) -> Response:
        asked = asked_for("task_ids", body)
        preview, cascade = body.pop("preview"), body.pop("cascade", False)
        act = rerun_with_below if cascade else to_tasks
        return act(asked, ActOperation(verb, actor=actor(), **body), preview=preview)

    def on_workflows(**body: Any) -> Response:
        asked = asked_for("workflow_ids", body)
        preview = body.pop("preview")
        return to_workflows(asked, ActOperation(verb, actor=actor(), **body), preview=preview)

    for view, of in ((on_tasks, "tasks"), (on_workflows, "workflows")):
        view.__name__, view.__doc__ = f"{verb}_{of}", ACTS[verb].plan.__doc__
    on_task_body = OnTasksAndBelow if verb == "rerun" else OnTasksWhy
    post(bulk, f"/task/{verb}", body=on_task_body, reply=DoneToTasks, refusals=REFUSALS)(on_tasks)
    post(bulk, f"/workflow/{verb}", body=OnWorkflowsWhy, reply=DoneToWorkflows, refusals=REFUSALS)(
        on_workflows
    )


def to_workflows(asked: TargetQuery, deed: ActOperation, *, preview: bool) -> Response:
    """Do it to many workflows, or say how many tasks of each it would change."""
    if preview:
        return workflows_shown(show_workflows(database(), asked, deed))
    return workflows_done(act_on_workflows(database(), asked, deed))


def workflows_shown(shown: Preview) -> Response:
    """Tell who is meant, and the first of them."""
    return reply({**nothing_done(shown), "workflow_ids": [], "outcomes": [], "preview": shown.verdicts})


def workflows_done(done: BulkResult) -> Response:
    """Tell which workflows were changed, and what became of each."""
    changed = [one.workflow_id for one in done.verdicts if one.outcome is Outcome.APPLIED]
    return reply(
        {
            "applied": len(changed),
            "matched": done.matched,
            "digest": done.digest,
            "left": done.left,
            "workflow_ids": changed,
            "outcomes": done.verdicts,
        }
    )


for _verb in ACTS:
    _route(_verb)
