"""What became of the news that was to be posted to the callback URL of a workflow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Response
from marshmallow import fields

from jobmon_client.states import CallbackStatus, Outcome, WorkflowStatus
from jobmon_server.actions.admin import outbox as actions
from jobmon_server.db.workflows import outbox as queries
from jobmon_server.redaction import redacted
from jobmon_server.routes.fields.base import Count, Id, Schema, Text, WordField
from jobmon_server.routes.http.endpoint import blueprint, get, post, read, reply, transact
from jobmon_server.routes.schemas.paging import PageQuery, PageReply, paged, requested_page

callbacks = blueprint("callbacks", "Callbacks of workflows.")


class Callback(Schema):
    """One piece of news: what it tells, what became of it, when it is tried again, and why it was not taken the last time."""

    callback_id = Id(required=True)
    workflow_status = WordField(WorkflowStatus, required=True)
    status = WordField(CallbackStatus, required=True)
    url = Text(required=True)
    attempts = Count(required=True)
    next_try_at = fields.DateTime(required=True, allow_none=True)
    last_error = Text(required=True, allow_none=True)
    created_at = fields.DateTime(required=True)
    delivered_at = fields.DateTime(required=True, allow_none=True)


class Callbacks(PageReply):
    """A page of them by id."""

    callbacks = fields.List(fields.Nested(Callback), required=True)


class RetriedCallback(Schema):
    """What became of the wish, and of the callback."""

    outcome = WordField(Outcome, required=True)
    status = WordField(CallbackStatus, required=True)


@get(callbacks, "/workflow/<id:workflow_id>/callbacks", query=PageQuery, reply=Callbacks)
def list_callbacks(workflow_id: int, **place: Any) -> Response:
    """Callbacks of a workflow, oldest first; the values of a URL's query are not told."""
    page = requested_page(place)
    found = read(queries.list_callbacks, workflow_id, page=page)
    shown = [{**row, "url": redacted(row["url"])} for row in found.rows]
    return paged("callbacks", replace(found, rows=shown), page)


@post(callbacks, "/workflow/<id:workflow_id>/callbacks/<id:callback_id>/retry", reply=RetriedCallback)
def retry_callback(workflow_id: int, callback_id: int) -> Response:
    """Try one that was given up again, as often as at first."""
    retried = transact(actions.retry, workflow_id, callback_id)
    return reply(retried)
