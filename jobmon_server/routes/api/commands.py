"""Commands to running instances, and what their workers measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from flask import Response, current_app
from marshmallow import ValidationError, fields, post_load, validates_schema

from jobmon_client.states import CommandName, CommandSignal, CommandStatus, Outcome, TaskInstanceStatus
from jobmon_server.actions.operator import commands as actions
from jobmon_server.actions.operator.commands import Enqueued, NewCommand
from jobmon_server.db.instances import commands as queries
from jobmon_server.db.instances.commands import AckOutcome, CommandAck
from jobmon_server.db.instances.metric_samples import read_samples
from jobmon_server.routes.fields.base import Attributes, Count, Id, Increment, Name, Schema, Text, WordField
from jobmon_server.routes.fields.query_params import Digits
from jobmon_server.routes.http.endpoint import actor, blueprint, database, get, post, reach, read, reply
from jobmon_server.routes.http.fast_load import Items
from jobmon_server.routes.schemas import requests
from jobmon_server.routes.schemas.paging import PageQuery, PageReply, paged, requested_page
from jobmon_server.routes.schemas.requests import LARGEST_BATCH

commands = blueprint("commands", "Commands to running instances, and what their workers measure.")
MOST_VALUES = 100_000


class Interval(Schema):
    """The arguments of `set_heartbeat_interval`."""

    seconds = Increment(required=True)


class Signal(Schema):
    """The arguments of `signal`."""

    signal = WordField(CommandSignal, required=True)


#: What each command takes.
ARGUMENTS: dict[CommandName, Schema] = {
    CommandName.KILL: Schema(),
    CommandName.SET_HEARTBEAT_INTERVAL: Interval(),
    CommandName.SIGNAL: Signal(),
}


class CommandBody(Schema):
    """What is wanted; the same `request_id` again, of the same instance, is the same command."""

    command = WordField(CommandName, required=True)
    arguments = Attributes(load_default=dict)
    request_id = Name()

    @validates_schema(skip_on_field_errors=True)
    def fitting(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse arguments that the command does not take."""
        errors = ARGUMENTS[data["command"]].validate(data["arguments"])
        if errors:
            raise ValidationError({"arguments": errors})


class CommandItem(CommandBody):
    """What is wanted of one of many."""

    task_instance_id = Id(required=True)

    @post_load
    def made(self, data: dict[str, Any], **_: Any) -> NewCommand:
        """Make what an action takes."""
        return NewCommand(**data)


class CommandItems(Schema):
    """What is wanted of many; an empty list changes nothing."""

    items = Items(CommandItem, required=True, maximum=LARGEST_BATCH)


class EnqueuedReply(Schema):
    """What became of it, and how the instance stands."""

    outcome = WordField(Outcome, required=True)
    task_instance_id = Id(required=True)
    command_id = Id(required=True)
    status = WordField(TaskInstanceStatus, required=True)


class NotEnqueued(Schema):
    """One of many that was not taken as new."""

    position = Count(required=True)
    outcome = WordField(Outcome, required=True)
    task_instance_id = Id(required=True)
    command_id = Id(required=True, allow_none=True)
    status = WordField(TaskInstanceStatus, required=True, allow_none=True)
    message = Text(required=True, allow_none=True)


class EnqueuedMany(Schema):
    """How many were taken, the id of each in the order given, and an entry for each that was not."""

    applied = Count(required=True)
    command_ids = fields.List(Id(allow_none=True), required=True)
    outcomes = fields.List(fields.Nested(NotEnqueued), required=True)


class Acknowledgements(Schema):
    """Commands that their workers have."""

    acknowledgements = Items(requests.Acknowledgement, required=True, maximum=LARGEST_BATCH)


class NotAcknowledged(Schema):
    """One of many that was not taken as new."""

    position = Count(required=True)
    command_id = Id(required=True)
    outcome = WordField(Outcome, required=True)


class AcknowledgedMany(Schema):
    """How many were taken, and an entry for each that was not."""

    applied = Count(required=True)
    outcomes = fields.List(fields.Nested(NotAcknowledged), required=True)


class CommandLine(Schema):
    """A command: what became of it, first told when and how often, and what its worker made of it."""

    command_id = Id(required=True)
    command = WordField(CommandName, required=True)
    arguments = Attributes(required=True)
    status = WordField(CommandStatus, required=True)
    created_by = Text(required=True, allow_none=True)
    request_id = Text(required=True, allow_none=True)
    created_at = fields.DateTime(required=True)
    delivered_at = fields.DateTime(required=True, allow_none=True)
    num_deliveries = Count(required=True)
    acknowledged_at = fields.DateTime(required=True, allow_none=True)
    result = Text(required=True, allow_none=True)


class CommandLines(PageReply):
    """A page of an instance's commands."""

    commands = fields.List(fields.Nested(CommandLine), required=True)


class WhichMetrics(Schema):
    """Which values: of one name, and how many."""

    name = Name()
    limit = Digits(minimum=1, maximum=MOST_VALUES, load_default=1_000)


class MetricValue(Schema):
    """One value; those of one heartbeat have one time."""

    name = Text(required=True)
    time = fields.DateTime(required=True)
    value = fields.Float(required=True)


class MetricValues(Schema):
    """The last of an instance's values, oldest first."""

    metrics = fields.List(fields.Nested(MetricValue), required=True)


class MetricNames(Schema):
    """What a heartbeat may measure, with the unit in each name, and how many heartbeats' values are kept of an instance."""

    names = fields.List(Text(), required=True)
    samples = Count(required=True)


@post(commands, "/task_instance/<id:task_instance_id>/commands", body=CommandBody, reply=EnqueuedReply)
def enqueue(task_instance_id: int, **facts: Any) -> Response:
    """Tell an instance's worker what to do with its command: with its next heartbeat, and again until it is acknowledged."""
    wanted = NewCommand(task_instance_id, **facts)
    (made,) = actions.enqueue_many(database(), [wanted], actor())
    return reply(_said(made))


def _said(made: Enqueued) -> dict[str, Any]:
    """Give the reply of one: a refusal has no command to name."""
    body: dict[str, Any] = {
        "outcome": made.outcome,
        "task_instance_id": made.task_instance_id,
        "status": made.status,
    }
    if made.outcome is Outcome.UNKNOWN:
        body["message"] = f"There is no task instance {made.task_instance_id}."
    elif made.outcome is Outcome.INVALID:
        body["message"] = made.message
    else:
        body["command_id"] = made.command_id
    return body


@post(commands, "/commands", body=CommandItems, reply=EnqueuedMany, refusals=(422, 503))
def enqueue_many(items: list[NewCommand]) -> Response:
    """Tell the workers of many instances what to do; each item has its own outcome."""
    made = actions.enqueue_many(database(), items, actor(), reach())
    others = _others(made)
    command_ids = [one.command_id for one in made]
    return reply({"applied": len(made) - len(others), "command_ids": command_ids, "outcomes": others})


def _others(found: Sequence[Enqueued | AckOutcome]) -> list[dict[str, Any]]:
    """Give an entry for each that was not taken as new."""
    return [
        {"position": position, **asdict(one)}
        for position, one in enumerate(found)
        if one.outcome is not Outcome.APPLIED
    ]


@post(commands, "/commands/acknowledge", body=Acknowledgements, reply=AcknowledgedMany, refusals=(422, 503))
def acknowledge(acknowledgements: list[dict[str, Any]]) -> Response:
    """Say that workers have these commands: they are not told again. Again is a duplicate."""
    given = [CommandAck(**one) for one in acknowledgements]
    found = actions.acknowledge_many(database(), given, reach())
    others = _others(found)
    return reply({"applied": len(found) - len(others), "outcomes": others})


@get(commands, "/task_instance/<id:task_instance_id>/commands", query=PageQuery, reply=CommandLines)
def list_commands(task_instance_id: int, **place: Any) -> Response:
    """An instance's commands in the order in which they were asked for, with their times."""
    page = requested_page(place)
    return paged("commands", read(queries.list_commands, task_instance_id, page=page), page)


@get(commands, "/task_instance/<id:task_instance_id>/metrics", query=WhichMetrics, reply=MetricValues)
def list_metrics(task_instance_id: int, **which: Any) -> Response:
    """What an instance's heartbeats measured: the last values, oldest first."""
    return reply({"metrics": read(read_samples, task_instance_id, **which)})


@get(commands, "/metric_names", reply=MetricNames, refusals=())
def metric_names() -> Response:
    """What a heartbeat may measure."""
    settings = current_app.extensions["jobmon"].settings
    return reply({"names": settings.metric_names, "samples": settings.metric_samples})
