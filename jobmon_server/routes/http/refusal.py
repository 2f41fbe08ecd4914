"""The reply to what was refused."""

from __future__ import annotations

from marshmallow import fields

from jobmon_server.routes.fields.base import Schema, Text, Whole


class Detail(Schema):
    """One thing that is wrong: 422 names the field and its problem, other refusals say what they know."""

    field = Text()
    problem = Text()
    what = Text()
    id = fields.Raw(
        metadata={"description": "the id asked for: a number, or words where it is made of several"}
    )
    retry_after = fields.Float()
    table = Text()
    column = Text()


class Reason(Schema):
    """Why it was refused."""

    code = Text(required=True)
    message = Text(required=True)
    details = fields.List(fields.Nested(Detail), required=True)


class Refusal(Schema):
    """The reply to anything that was not done."""

    outcome = Text(allow_none=True, required=True)
    status = Text(allow_none=True)
    task_status = Text(allow_none=True)
    report_by = fields.DateTime(allow_none=True)
    task_instance_id = Whole()
    applied = Whole()
    matched = Whole()
    digest = Text()
    commands = fields.List(fields.Dict())
    acknowledged = fields.List(fields.Dict())
    error = fields.Nested(Reason, required=True)
