"""What operators do to tasks and workflows, one or many, and what they ask before they do it."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import ValidationError, fields

from jobmon_client.states import Outcome, TaskStatus, WorkflowStatus
from jobmon_server.actions.operator import acts
from jobmon_server.actions.operator.acts import ActOperation, ActVerdict
from jobmon_server.actions.operator.cascade import begun_children, rerun_all_below
from jobmon_server.actions.operator.what_if import predict_status
from jobmon_server.actions.workflow.settle import recompute
from jobmon_server.fsm.acts import ACTS
from jobmon_server.routes.fields.base import LARGEST_ID, Count, Flag, Id, Plain, Schema, WordField
from jobmon_server.routes.http.endpoint import actor, blueprint, database, post, read, reply, transact
from jobmon_server.routes.schemas.explanation import Upstream
from jobmon_server.routes.schemas.replies import RunReply
from jobmon_server.routes.schemas.requests import Why

operator = blueprint("operator", "Operators: acts on tasks and workflows.")
MOST_SUPPOSED = 1_000


class Acted(RunReply):
    """What became of an act: how many tasks it changed, and which.

    `hold_changed` if a workflow is held now and was not, or the other way round; `begun_below` are tasks below one that
    is retried which have begun, and do not run again with it.
    """

    applied = Count(required=True)
    task_ids = fields.List(Id(), required=True)
    hold_changed = Flag()
    begun_below = fields.List(fields.Nested(Upstream))


class WhyAndWhatElse(Why):
    """Why, and whether what is below the task and has begun is to run again as well."""

    cascade = Flag(load_default=False)


class Supposed(Plain[dict[int, TaskStatus | None]]):
    """Statuses by task id; null stands for a task that is not there."""

    def __init__(self, **options: Any) -> None:
        """Document the words."""
        words = {"type": "string", "enum": [*map(str, TaskStatus), None], "nullable": True}
        super().__init__(metadata={"type": "object", "additionalProperties": words}, **options)

    def check(self, value: Any) -> dict[int, TaskStatus | None]:
        """Take an object whose names are task ids."""
        if type(value) is not dict or len(value) > MOST_SUPPOSED:
            raise ValidationError(f"must be a JSON object of at most {MOST_SUPPOSED} task ids")
        word = WordField(TaskStatus)
        return {
            self._id(one): None if status is None else word.check(status) for one, status in value.items()
        }

    def _id(self, text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) <= 19 and 0 < int(text) <= LARGEST_ID:
            return int(text)
        raise ValidationError(f"{text}: is no task id")


class WhatIf(Schema):
    """What to suppose."""

    task_statuses = Supposed(required=True)


class Foresight(Schema):
    """The status that a workflow has, and the one that it would have."""

    status = WordField(WorkflowStatus, required=True)
    would_be = WordField(WorkflowStatus, required=True)


class Recomputed(RunReply):
    """`applied` if anything changed: DONE tasks that had not told their downstreams, or the workflow's status."""

    released = Count(required=True)


def acted(verdict: ActVerdict, *allowed: str, **more: Any) -> Response:
    """Reply to an act; a refused one names the statuses of a task that it takes, if it depends on them alone."""
    body: dict[str, Any] = {
        "outcome": verdict.outcome,
        "status": verdict.status,
        "applied": len(verdict.task_ids),
    }
    if verdict.outcome is Outcome.INVALID:
        body["message"] = verdict.problem or f"Nothing of it can be changed: it is {verdict.status}."
        named = f"a task's must be one of: {', '.join(sorted(allowed))}"
        body["details"] = [{"field": "status", "problem": named}] if allowed else []
    else:
        body["task_ids"] = verdict.task_ids
        body |= {"hold_changed": True} if verdict.hold_changed else {}
    return reply(body | more)


def _route(verb: str) -> None:
    """Route one VERB on a task, and on a workflow."""
    allowed = ACTS[verb].sources

    def on_task(task_id: int, **facts: Any) -> Response:
        return acted(
            acts.do_to_task(database(), task_id, ActOperation(verb, actor=actor(), **facts)), *allowed
        )

    def on_workflow(workflow_id: int, **facts: Any) -> Response:
        deed = ActOperation(verb, actor=actor(), **facts)
        return acted(acts.act_on_workflow(database(), workflow_id, deed), *allowed)

    for view, of in ((on_task, "task"), (on_workflow, "workflow")):
        view.__name__, view.__doc__ = f"{verb}_{of}", ACTS[verb].plan.__doc__
    post(operator, f"/workflow/<id:workflow_id>/{verb}", body=Why, reply=Acted)(on_workflow)
    if verb not in {"retry", "rerun"}:
        post(operator, f"/task/<id:task_id>/{verb}", body=Why, reply=Acted)(on_task)


for _verb in ACTS:
    _route(_verb)


@post(operator, "/task/<id:task_id>/retry", body=Why, reply=Acted)
def retry_task(task_id: int, **facts: Any) -> Response:
    """Give a task that failed for good its attempts again; what has begun below it is named, and does not run again."""
    verdict = acts.do_to_task(database(), task_id, ActOperation("retry", actor=actor(), **facts))
    below = read(begun_children, task_id) if verdict.outcome is Outcome.APPLIED else []
    return acted(verdict, *ACTS["retry"].sources, **({"begun_below": below} if below else {}))


@post(operator, "/task/<id:task_id>/rerun", body=WhyAndWhatElse, reply=Acted)
def rerun_task(task_id: int, *, cascade: bool, **facts: Any) -> Response:
    """Run a task again from whatever it is; with `cascade` also what is below it and has begun."""
    deed = ActOperation("rerun", actor=actor(), **facts)
    act = rerun_all_below if cascade else acts.do_to_task
    return acted(act(database(), task_id, deed), *ACTS["rerun"].sources)


@post(operator, "/task/<id:task_id>/stop_children", body=Why, reply=Acted)
def stop_children(task_id: int, **facts: Any) -> Response:
    """Stop the tasks that wait for this one directly and for which nothing was queued; its workflow's status."""
    return acted(acts.stop_children(database(), task_id, actor=actor(), **facts))


@post(operator, "/workflow/<id:workflow_id>/stop_waiting", body=Why, reply=Acted)
def stop_waiting(workflow_id: int, **facts: Any) -> Response:
    """Stop every task for which nothing was queued; what is live goes on."""
    return acted(acts.stop_waiting(database(), workflow_id, actor=actor(), **facts))


@post(operator, "/workflow/<id:workflow_id>/recompute", reply=Recomputed)
def recompute_workflow(workflow_id: int) -> Response:
    """Pass on what is DONE and compute the status again: what the server does by itself, now. Safe to repeat."""
    settled = transact(recompute, workflow_id)
    changed = settled.released > 0 or settled.was is not settled.status
    outcome = Outcome.APPLIED if changed else Outcome.DUPLICATE
    return reply({"outcome": outcome, "status": settled.status, "released": settled.released})


@post(operator, "/workflow/<id:workflow_id>/preview", body=WhatIf, reply=Foresight, holds=False)
def preview(workflow_id: int, task_statuses: dict[int, TaskStatus | None]) -> Response:
    """Say what the workflow's status would be if these tasks had these statuses; changes nothing."""
    return reply(read(predict_status, workflow_id, task_statuses))
