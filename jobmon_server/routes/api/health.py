"""Is it alive, is it ready; under the prefix and, for load balancers, at the root."""

from __future__ import annotations

from flask import Flask, Response
from marshmallow import fields

from jobmon_server.actions.admin.readiness import readiness
from jobmon_server.routes.fields.base import Count, Schema, Text
from jobmon_server.routes.http.endpoint import blueprint, database, get, reply

health = blueprint("health", "Liveness and readiness.")


class Health(Schema):
    """The server answers."""

    status = Text(required=True)


class Duty(Schema):
    """A duty of the server that fails now, since when; or that had ended, how often, and was started again."""

    name = Text(required=True)
    restarts = Count(required=True)
    failing_since = fields.DateTime(required=True, allow_none=True)


class Ready(Health):
    """The database answers too, and holds the schema of this version; `duties` are those that something is wrong with."""

    revision = fields.String(required=True)
    duties = fields.List(fields.Nested(Duty), required=True)


@get(health, "/health", reply=Health, refusals=())
def alive() -> Response:
    """The process answers."""
    return reply({"status": "ok"})


@get(health, "/ready", reply=Ready, refusals=(503,))
def ready() -> Response:
    """The database is reachable, takes writes, and its schema is current."""
    found = readiness(database())
    return reply({"status": "ready", "revision": found.revision, "duties": found.duties})


def install(app: Flask) -> None:
    """Answer at the root too."""
    app.add_url_rule("/health", "root_health", alive)
    app.add_url_rule("/ready", "root_ready", ready)
