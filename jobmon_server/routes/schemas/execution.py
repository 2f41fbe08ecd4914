"""What reads tell of how commands run, and on what."""

from __future__ import annotations

from marshmallow import fields

from jobmon_client.states import InputStatus
from jobmon_server.routes.fields.base import Schema, Text, WordField


class RetryDelayView(Schema):
    """How long a task waits after a failed attempt: seconds, times `factor` after each further one, up to `jitter` of it more."""

    seconds = fields.Float(required=True)
    factor = fields.Float(required=True)
    jitter = fields.Float(required=True)


class InputLine(Schema):
    """An input of a task as it stands."""

    name = Text(required=True)
    status = WordField(InputStatus, required=True)
    updated_at = fields.DateTime(required=True)
