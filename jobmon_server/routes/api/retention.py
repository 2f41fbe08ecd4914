"""Deleting workflows, one or many, after a preview. Files of users are never touched: the client's side removes those."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response
from marshmallow import fields

from jobmon_client.states import Outcome
from jobmon_server.actions.operator.bulk_workflows import show_chosen_workflows
from jobmon_server.actions.retention import bulk_deletion, workflow_deletion
from jobmon_server.actions.retention.bulk_deletion import DeletedMany
from jobmon_server.actions.retention.workflow_deletion import DeletionOptions
from jobmon_server.routes.api.bulk import OnWorkflows, WorkflowShown
from jobmon_server.routes.api.bulk_request import DoneToMany, asked_for
from jobmon_server.routes.fields.base import Count, Flag, Id, Schema, Text, WordField
from jobmon_server.routes.http.endpoint import actor, blueprint, database, post, reply, settings
from jobmon_server.routes.schemas.replies import RunReply
from jobmon_server.routes.schemas.requests import Why

keeping = blueprint("keeping", "Deleting workflows.")
#: How many batches of rows a call removes; the keeper goes on.
BATCHES = 50
DEFAULT_LIMIT = 10


class WhyAndWhetherByForce(Why):
    """Why, and whether what lives is to be stopped; its rows then go when it is confirmed dead.

    `delete_output`: results and the ends of logs too where the server keeps no archive; without it 409 if there are any.
    """

    force = Flag(load_default=False)
    delete_output = Flag(load_default=False)


class Deletion(RunReply):
    """The status that the workflow had; `is_removed` if its rows are gone already, else the keeper removes them."""

    workflow_id = Id(required=True)
    is_removed = Flag(required=True)


class WhichToDelete(OnWorkflows, WhyAndWhetherByForce):
    """Which workflows to delete; an empty list is none, all must be asked for. More than `max_limit`: none; 0: no limit."""

    max_limit = Count(load_default=DEFAULT_LIMIT)


class NotDeleted(Schema):
    """A workflow that was not deleted; without an outcome where something went wrong."""

    workflow_id = Id(required=True)
    outcome = WordField(Outcome, required=True, allow_none=True)
    message = Text(required=True)


class Deletions(DoneToMany):
    """How many were deleted, skipped and failed, and which; of the deleted, `removing` have rows left."""

    skipped = Count(required=True)
    failed = Count(required=True)
    workflow_ids = fields.List(Id(), required=True)
    removing = fields.List(Id(), required=True)
    outcomes = fields.List(fields.Nested(NotDeleted), required=True)
    preview = fields.List(fields.Nested(WorkflowShown))


def how(*, force: bool, delete_output: bool, reason: str | None = None) -> DeletionOptions:
    """Say how to delete for this caller and this server."""
    return DeletionOptions(force, reason, actor(), settings().archive_dir, output=delete_output)


def for_a_while() -> Callable[[], bool]:
    """Let one call remove so many batches, all its workflows together."""
    left = iter(range(BATCHES))
    return lambda: next(left, None) is not None


@post(keeping, "/workflow/<id:workflow_id>/delete", body=WhyAndWhetherByForce, reply=Deletion)
def delete_workflow(workflow_id: int, **facts: Any) -> Response:
    """Delete a workflow and all that hangs on it; 409 while something of it lives, unless by force."""
    return reply(workflow_deletion.delete_workflow(database(), workflow_id, how(**facts), for_a_while()))


@post(keeping, "/workflow/delete", body=WhichToDelete, reply=Deletions, refusals=(409, 422, 503))
def delete_workflows(*, preview: bool, **facts: Any) -> Response:
    """Delete many workflows, each by itself; 409 with how many were matched, and none deleted, where that is too many."""
    asked = asked_for("workflow_ids", facts)
    if preview:
        shown = show_chosen_workflows(database(), asked)
        return deletions(DeletedMany(shown.matched, shown.digest, 0), preview=shown.verdicts)
    return deletions(bulk_deletion.delete_workflows(database(), asked, how(**facts), for_a_while()))


def deletions(many: DeletedMany, **more: Any) -> Response:
    """Tell which workflows were deleted, and why others were not."""
    body = {
        "applied": len(many.deleted),
        "matched": many.matched,
        "digest": many.digest,
        "left": many.left,
        "skipped": len(many.skipped),
        "failed": len(many.failed),
        "workflow_ids": [one.workflow_id for one in many.deleted],
        "removing": [one.workflow_id for one in many.deleted if not one.is_removed],
        "outcomes": [*many.skipped, *many.failed],
    }
    return reply(body | more)
