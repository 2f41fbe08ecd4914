"""What this server goes by, as far as its callers need to know: limits and what they may rely on, no secret."""

from __future__ import annotations

from importlib.metadata import version

from flask import Response
from marshmallow import fields

from jobmon_server.db.search.query import LARGEST_PAGE
from jobmon_server.routes.fields.base import (
    DEEPEST_JSON,
    LARGEST_RESULT,
    LARGEST_TEXT,
    LONGEST_INCREMENT,
    Count,
    Schema,
    Text,
)
from jobmon_server.routes.http.endpoint import blueprint, get, reply, settings
from jobmon_server.routes.schemas.requests import LARGEST_BATCH, MOST_TASKS

configuration = blueprint("configuration", "What this server goes by.")


class Configuration(Schema):
    """Limits of calls (bytes, items), of what is kept (seconds), and what this server takes."""

    version = Text(required=True)
    auth = Text(required=True)
    max_content_length = Count(required=True)
    largest_batch = Count(required=True)
    largest_bind = Count(required=True)
    largest_page = Count(required=True)
    largest_text = Count(required=True)
    largest_result = Count(required=True)
    deepest_json = Count(required=True)
    longest_increment = Count(required=True)
    expiry_minimum = Count(required=True)
    expiry_maximum = Count(required=True)
    expiry_default = Count(required=True)
    metric_names = fields.List(Text(), required=True)
    metric_samples = Count(required=True)


#: Limits that are no settings: the same on every server of this version.
FIXED = {
    "version": version("jobmon"),
    "largest_batch": LARGEST_BATCH,
    "largest_bind": MOST_TASKS,
    "largest_page": LARGEST_PAGE,
    "largest_text": LARGEST_TEXT,
    "largest_result": LARGEST_RESULT,
    "deepest_json": DEEPEST_JSON,
    "longest_increment": LONGEST_INCREMENT,
}
SETTINGS = tuple(name for name in Configuration().fields if name not in FIXED)


@get(configuration, "/config", reply=Configuration, refusals=())
def config() -> Response:
    """The limits and settings that a caller may need; nothing of where or how the server runs."""
    return reply(FIXED | {name: getattr(settings(), name) for name in SETTINGS})
