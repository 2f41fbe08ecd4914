"""What holds work back: limits of workflows and arrays, maxima of queues."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import fields

from jobmon_client.states import Outcome, WorkflowStatus
from jobmon_server.actions.operator import limits as actions
from jobmon_server.actions.workflow.cluster_queues import set_maximum
from jobmon_server.db.workflows import limits as queries
from jobmon_server.db.workflows.cluster_queues import list_queues
from jobmon_server.routes.fields.base import ExactField, Id, Name, Schema, Whole, WordField
from jobmon_server.routes.fields.quantities import Numbers
from jobmon_server.routes.http.endpoint import blueprint, get, post, read, reply, transact
from jobmon_server.routes.http.fast_load import Items
from jobmon_server.routes.schemas.paging import PageQuery, PageReply, paged, requested_page
from jobmon_server.routes.schemas.requests import LARGEST_LIMIT, MOST_TASKS, ArrayLimit

limits = blueprint("limits", "What holds work back.")


class NewLimits(Schema):
    """What to change: the workflow's limit, its arrays'; null for no limit, 0 pauses. What is left out stays."""

    max_concurrently_running = Whole(minimum=0, maximum=LARGEST_LIMIT, allow_none=True)
    arrays = Items(ArrayLimit, load_default=list, maximum=MOST_TASKS)


class Limits(Schema):
    """The limits that hold now: the workflow's, and those of the arrays that were named."""

    outcome = WordField(Outcome, required=True)
    status = WordField(WorkflowStatus, required=True)
    max_concurrently_running = Whole(required=True, allow_none=True)
    arrays = fields.List(fields.Nested(ArrayLimit), required=True)


class ArrayLine(ArrayLimit):
    """An array of a workflow."""

    array_id = Id(required=True)


class Arrays(PageReply):
    """A page of arrays."""

    arrays = fields.List(fields.Nested(ArrayLine), required=True)


class Queue(Schema):
    """A cluster's queue and what it has at most, by resource; null: no maximum."""

    cluster = Name(required=True)
    queue = ExactField(0, 255, required=True)
    maximum = Numbers(required=True, allow_none=True)


class QueueReply(Queue):
    """The queue as it is now."""

    outcome = WordField(Outcome, required=True)


class QueueQuery(Schema):
    """Of which cluster; of all if it is left out."""

    cluster = Name()


class Queues(Schema):
    """The queues that have a maximum."""

    queues = fields.List(fields.Nested(Queue), required=True)


@post(limits, "/workflow/<id:workflow_id>/limits", body=NewLimits, reply=Limits)
def set_limits(workflow_id: int, **facts: Any) -> Response:
    """Change how many tasks may be live at once, from the next queueing on; what is live already goes on."""
    return reply(transact(actions.set_limits, workflow_id, **facts))


@get(limits, "/workflow/<id:workflow_id>/arrays", query=PageQuery, reply=Arrays)
def list_arrays(workflow_id: int, **place: Any) -> Response:
    """Arrays of a workflow by id, with their limits."""
    page = requested_page(place)
    return paged("arrays", read(queries.list_arrays, workflow_id, page=page), page)


@post(limits, "/queue", body=Queue, reply=QueueReply, refusals=(422, 503))
def set_queue(**facts: Any) -> Response:
    """Say what a queue has at most: beyond it a task's fallback queues are tried, then what it asks for is cut."""
    return reply(transact(set_maximum, **facts))


@get(limits, "/queue", query=QueueQuery, reply=Queues, refusals=(503,))
def queues(**facts: Any) -> Response:
    """The queues that have a maximum, by cluster and name."""
    return reply({"queues": read(list_queues, **facts)})
