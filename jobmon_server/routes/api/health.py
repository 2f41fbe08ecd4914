"""Is it alive, is it ready; under the prefix and, for load balancers, at the root."""

from __future__ import annotations

from flask import Flask, Response, current_app
from marshmallow import fields

from jobmon_server.db.schema import lifecycle
from jobmon_server.routes.fields.base import Schema, Text
from jobmon_server.routes.http.endpoint import blueprint, get, reply

health = blueprint("health", "Liveness and readiness.")


class Health(Schema):
    """The server answers."""

    status = Text(required=True)


class Ready(Health):
    """The database answers too, and holds the schema of this version."""

    revision = fields.String(required=True)


@get(health, "/health", reply=Health, refusals=())
def alive() -> Response:
    """The process answers."""
    return reply({"status": "ok"})


@get(health, "/ready", reply=Ready, refusals=(503,))
def ready() -> Response:
    """The database is reachable and its schema is current."""
    revision = lifecycle.ready(current_app.extensions["jobmon"].database)
    return reply({"status": "ready", "revision": revision})


def install(app: Flask) -> None:
    """Answer at the root too."""
    app.add_url_rule("/health", "root_health", alive)
    app.add_url_rule("/ready", "root_ready", ready)
