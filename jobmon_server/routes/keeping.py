"""Deleting workflows, one or many. Files of users are never touched: the client's side removes those."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response
from marshmallow import ValidationError, fields, validates_schema

from jobmon_client.states import Outcome
from jobmon_server.actions import remove
from jobmon_server.actions.remove import How, Which
from jobmon_server.routes.fields import Count, Flag, Id, ListOf, Schema, Text, Word
from jobmon_server.routes.replies import RunReply
from jobmon_server.routes.schemas import LARGEST_BATCH, LARGEST_LIMIT, Why
from jobmon_server.routes.selecting import SelectingWorkflows, conditions_of
from jobmon_server.routes.wire import actor, blueprint, database, post, reply, settings

keeping = blueprint("keeping", "Deleting workflows.")
#: How many batches of rows a call removes; the keeper goes on.
BATCHES = 50
DEFAULT_LIMIT = 10


class WhyAndWhetherByForce(Why):
    """Why, and whether what lives is to be stopped; its rows then go when it is confirmed dead."""

    force = Flag(load_default=False)


class Deletion(RunReply):
    """The status that the workflow had; `is_removed` if its rows are gone already, else the keeper removes them."""

    workflow_id = Id(required=True)
    is_removed = Flag(required=True)


class WhichToDelete(SelectingWorkflows, WhyAndWhetherByForce):
    """Which workflows to delete; an empty list is none, all must be asked for. More than `max_limit`: none; 0: no limit."""

    workflow_ids = ListOf(Id(), maximum=LARGEST_BATCH)
    all = Flag(load_default=False)
    max_limit = Count(0, LARGEST_LIMIT, load_default=DEFAULT_LIMIT)

    @validates_schema(skip_on_field_errors=True)
    def in_one_way(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse what selects nothing, and what selects in two ways."""
        given = [name for name in ("filter", "search") if data.get(name)]
        given += ["workflow_ids"] if "workflow_ids" in data else []
        given += ["all"] if data["all"] else []
        if len(given) != 1:
            raise ValidationError("give workflow_ids, filter or search, or else all: true", "workflow_ids")


class NotDeleted(Schema):
    """A workflow that was not deleted; without an outcome where something went wrong."""

    workflow_id = Id(required=True)
    outcome = Word(Outcome, required=True, allow_none=True)
    message = Text(required=True)


class Deletions(Schema):
    """How many were matched, deleted, skipped and failed, and which; of the deleted, `removing` have rows left."""

    matched = Count(required=True)
    deleted = Count(required=True)
    skipped = Count(required=True)
    failed = Count(required=True)
    workflow_ids = fields.List(Id(), required=True)
    removing = fields.List(Id(), required=True)
    outcomes = fields.List(fields.Nested(NotDeleted), required=True)


def how(*, force: bool, reason: str | None = None) -> How:
    """Say how to delete for this caller and this server."""
    return How(force, reason, actor(), settings().archive_dir)


def for_a_while() -> Callable[[], bool]:
    """Let one call remove so many batches, all its workflows together."""
    left = iter(range(BATCHES))
    return lambda: next(left, None) is not None


@post(keeping, "/workflow/<id:workflow_id>/delete", body=WhyAndWhetherByForce, reply=Deletion)
def delete_workflow(workflow_id: int, **facts: Any) -> Response:
    """Delete a workflow and all that hangs on it; 409 while something of it lives, unless by force."""
    return reply(remove.delete_workflow(database(), workflow_id, how(**facts), for_a_while()))


@post(keeping, "/workflow/delete", body=WhichToDelete, reply=Deletions, refusals=(409, 422, 503))
def delete_workflows(max_limit: int, workflow_ids: list[int] | None = None, **facts: Any) -> Response:
    """Delete many workflows, each by itself; 409 with how many were matched, and none deleted, where that is too many."""
    which = Which(workflow_ids, conditions_of(facts), max_limit)
    many = remove.delete_workflows(database(), which, how(**facts), for_a_while())
    body: dict[str, Any] = {name: len(getattr(many, name)) for name in ("deleted", "skipped", "failed")}
    body["workflow_ids"] = [one.workflow_id for one in many.deleted]
    body["removing"] = [one.workflow_id for one in many.deleted if not one.is_removed]
    return reply({"matched": many.matched, **body, "outcomes": [*many.skipped, *many.failed]})
