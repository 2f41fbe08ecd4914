"""What is kept with tasks and workflows, changed in bulk: how they are to be run, and what users keep with them."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import fields

from jobmon_server.actions.operator.atomic import set_all_or_none
from jobmon_server.actions.operator.attributes import SetAttributes, SetWorkflowAttributes
from jobmon_server.actions.operator.bulk_workflows import (
    set_workflow_attributes,
    set_workflow_attributes_together,
    show_chosen_workflows,
)
from jobmon_server.actions.operator.properties import SetProperties
from jobmon_server.actions.operator.targets import TargetQuery
from jobmon_server.errors import Malformed
from jobmon_server.routes.api.bulk import DoneToWorkflows, OnWorkflows, workflows_done, workflows_shown
from jobmon_server.routes.api.bulk_request import DoneToTasks, OnTasks, asked_for, done_reply, to_tasks
from jobmon_server.routes.api.records import once
from jobmon_server.routes.api.workflow import MOST_ATTEMPTS
from jobmon_server.routes.fields.base import (
    Attributes,
    CommandText,
    ExactField,
    Flag,
    Id,
    ListOf,
    Name,
    Schema,
    Whole,
)
from jobmon_server.routes.fields.quantities import Scales
from jobmon_server.routes.http.endpoint import blueprint, database, post
from jobmon_server.routes.http.fast_load import Items
from jobmon_server.routes.schemas.requests import LARGEST_BATCH

patches = blueprint("patches", "What is kept with tasks and workflows, changed in bulk.")
REFUSALS = (409, 422, 503)


class ScalesPatch(Scales):
    """Scales by name; null removes one."""

    def check(self, value: Any) -> dict[str, Any]:
        """Take what `Scales` takes, and null."""
        if type(value) is dict:
            super().check({name: scale for name, scale in value.items() if scale is not None})
            return value
        return super().check(value)


class Properties(Schema):
    """How a task is to be run; what is left out stays. In an object a member of null removes that member."""

    command = CommandText()
    cluster = Name()
    queue = ExactField(0, 255)
    requested_resources = Attributes(allow_none=True)
    resource_scales = ScalesPatch(allow_none=True)
    fallback_queues = ListOf(Name(), allow_none=True)
    max_attempts = Whole(minimum=1, maximum=MOST_ATTEMPTS)
    priority = Whole(minimum=-(2**31), maximum=2**31 - 1)


class PropertiesOfTask(Schema):
    """A task and how it is to be run."""

    task_id = Id(required=True)
    properties = fields.Nested(Properties, required=True)


class NewProperties(OnTasks):
    """The same properties for these tasks, or `items`: others for each. `replace` leaves nothing of objects that were."""

    properties = fields.Nested(Properties)
    items = Items(PropertiesOfTask, maximum=LARGEST_BATCH)
    replace = Flag(load_default=False)


class AttributesOfTask(Schema):
    """A task and what is to be kept with it."""

    task_id = Id(required=True)
    attributes = Attributes(required=True)


class NewTaskAttributes(OnTasks):
    """The same attributes for these tasks, or `items`: others for each. `replace` leaves nothing of those that were.

    `atomic`: all of them or none, 409 with every reason; else each by itself.
    """

    attributes = Attributes()
    items = Items(AttributesOfTask, maximum=LARGEST_BATCH)
    replace = Flag(load_default=False)
    atomic = Flag(load_default=False)


class AttributesOfWorkflow(Schema):
    """A workflow and what is to be kept with it."""

    workflow_id = Id(required=True)
    attributes = Attributes(required=True)


class NewWorkflowAttributes(OnWorkflows):
    """The same attributes for these workflows, or `items`: others for each; `atomic`: all of them or none."""

    attributes = Attributes()
    items = Items(AttributesOfWorkflow, maximum=LARGEST_BATCH)
    replace = Flag(load_default=False)
    atomic = Flag(load_default=False)


@post(patches, "/task/properties", body=NewProperties, reply=DoneToTasks, refusals=REFUSALS)
def set_task_properties(*, preview: bool, replace: bool, **body: Any) -> Response:
    """Change how tasks are to be run of which nothing is under way; others are refused, each by name of its status."""
    asked, by_task, everybody = patched("task_id", "properties", body)
    return to_tasks(asked, SetProperties(by_task, everybody, replace), preview=preview)


@post(patches, "/task/attributes", body=NewTaskAttributes, reply=DoneToTasks, refusals=REFUSALS)
def set_task_attributes(*, preview: bool, replace: bool, atomic: bool, **body: Any) -> Response:
    """Change what users keep with tasks, whatever their statuses: merged member by member, null removes one."""
    asked, by_task, everybody = patched("task_id", "attributes", body)
    deed = SetAttributes(by_task, everybody, replace)
    if atomic and not preview:
        return done_reply(set_all_or_none(database(), asked, deed))
    return to_tasks(asked, deed, preview=preview)


@post(patches, "/workflow/attributes", body=NewWorkflowAttributes, reply=DoneToWorkflows, refusals=REFUSALS)
def set_attributes_of_workflows(*, preview: bool, replace: bool, atomic: bool, **body: Any) -> Response:
    """Change what users keep with workflows, whatever their statuses: merged member by member, null removes one."""
    asked, by_workflow, everybody = patched("workflow_id", "attributes", body)
    deed = SetWorkflowAttributes(by_workflow, everybody, replace)
    if preview:
        return workflows_shown(show_chosen_workflows(database(), asked))
    act = set_workflow_attributes_together if atomic else set_workflow_attributes
    return workflows_done(act(database(), asked, deed))


def patched(key: str, what: str, body: dict[str, Any]) -> tuple[TargetQuery, dict[int, Any], dict[str, Any]]:
    """Take who is meant, and what is new: for each, or the same for all. Raises `Malformed` unless it is one of these."""
    items, everybody = body.pop("items", None), body.pop(what, None)
    if items is None and everybody is not None:
        return asked_for(f"{key}s", body), {}, everybody
    if items is None or everybody is not None:
        raise Malformed.field(what, "is required, or items, and not both")
    if beside := body.keys() & {f"{key}s", "filter", "search", "all"}:
        raise Malformed.field(min(beside), "says nothing beside items")
    once(items, key)
    body[f"{key}s"] = [one[key] for one in items]
    return asked_for(f"{key}s", body), {one[key]: one[what] for one in items}, {}
