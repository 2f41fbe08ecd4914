"""The state machines as they run, published."""

from __future__ import annotations

from flask import Response, request
from marshmallow import fields

from jobmon_client.states import Group
from jobmon_server.fsm.diagram import as_json
from jobmon_server.routes.fields.base import Flag, Schema, Text, WordField
from jobmon_server.routes.http.endpoint import blueprint, encode, get

fsm = blueprint("fsm", "The state machines: statuses, edges and known races, each with its reason.")

DOCUMENT = as_json()
BODY = encode(DOCUMENT)


class FsmStatus(Schema):
    """A status; the code is for the database alone, the group is for who only glances at it."""

    name = Text(required=True)
    code = Text(required=True)
    group = WordField(Group, required=True)


class Race(Schema):
    """A known race: accepted, and nothing changes."""

    class Meta:
        """`from` is a word of Python."""

        include = {"from": Text(required=True)}

    to = Text(required=True)
    why = Text(required=True)


class FsmEdge(Race):
    """An allowed move; `operator` marks those that exist for an operator's act alone."""

    operator = Flag(required=True)


class Machine(Schema):
    """One state machine."""

    statuses = fields.List(fields.Nested(FsmStatus), required=True)
    edges = fields.List(fields.Nested(FsmEdge), required=True)
    untimely = fields.List(fields.Nested(Race), required=True)
    terminal = fields.List(Text(), required=True)


class Machines(Schema):
    """All of them; `version` is a digest of the rest."""

    version = Text(required=True)
    task_instance = fields.Nested(Machine, required=True)
    task = fields.Nested(Machine, required=True)
    workflow = fields.Nested(Machine, required=True)
    workflow_run = fields.Nested(Machine, required=True)


@get(fsm, "/fsm", reply=Machines, success=(200, 304), refusals=())
def state_machines() -> Response:
    """Every status, edge and untimely pair; the ETag is the digest of the tables."""
    response = Response(BODY, content_type="application/json")
    response.set_etag(DOCUMENT["version"])
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response
