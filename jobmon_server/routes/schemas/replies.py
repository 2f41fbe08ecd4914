"""What a verdict says on the wire, single and in a batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Response
from marshmallow import fields

from jobmon_client.states import LostContact, Outcome
from jobmon_server.actions.reporting.transition import Verdict
from jobmon_server.fsm.task_instance import TASK_INSTANCE
from jobmon_server.routes.fields.base import Attributes, Count, Id, Schema, Text, WordField
from jobmon_server.routes.http.endpoint import reply


class Command(Schema):
    """What the server wants a worker to do."""

    command_id = Id(required=True)
    command = Text(required=True)
    arguments = Attributes(required=True)


class Acknowledged(Schema):
    """What became of an acknowledgement: `applied`, `duplicate`, or `unknown` where the instance has no such command."""

    command_id = Id(required=True)
    outcome = Text(required=True)


class ReportReply(Schema):
    """What became of a report, and how things stand now."""

    outcome = Text(required=True)
    task_instance_id = Id(required=True)
    status = Text(required=True, allow_none=True)
    task_status = Text(required=True, allow_none=True)
    report_by = fields.DateTime(required=True, allow_none=True)
    commands = fields.List(fields.Nested(Command), required=True)
    acknowledged = fields.List(fields.Nested(Acknowledged))


class Assignment(Schema):
    """What a worker needs to start its command."""

    task_instance_id = Id(required=True)
    task_id = Id(required=True)
    workflow_id = Id(required=True)
    workflow_run_id = Id(required=True)
    array_id = Id(required=True)
    batch_num = Id(required=True)
    array_step_id = Count(required=True)
    attempt = Count(required=True)
    name = Text(required=True)
    command = Text(required=True)
    requested_resources = Attributes(allow_none=True)
    working_directory = Text(allow_none=True)
    environment = Attributes(allow_none=True)
    stdout = Text(allow_none=True)
    stderr = Text(allow_none=True)
    lost_contact = WordField(LostContact, required=True)


class RunningReply(ReportReply):
    """Leave to start, with the command; or the status that says no."""

    task_instance = fields.Nested(Assignment)
    lost_contact = WordField(LostContact)


class BatchItem(Schema):
    """What became of an item that was not applied, or that did not come to the status it wanted."""

    outcome = Text(required=True)
    task_instance_id = Id(allow_none=True)
    position = Count()
    array_step_id = Count()
    status = Text(allow_none=True)
    task_status = Text(allow_none=True)
    report_by = fields.DateTime(allow_none=True)
    commands = fields.List(fields.Nested(Command))
    acknowledged = fields.List(fields.Nested(Acknowledged))
    lost_contact = WordField(LostContact)
    error = Attributes()


class BatchReply(Schema):
    """How many items were applied, and each that needs a word."""

    applied = Count(required=True)
    outcomes = fields.List(fields.Nested(BatchItem), required=True)


def verdict_reply(verdict: Verdict) -> Response:
    """Reply to a single report."""
    body = {**report_reply(verdict), "commands": [], **exchanged(verdict)}
    may_start = verdict.outcome in {Outcome.APPLIED, Outcome.DUPLICATE}
    if verdict.assignment is not None and may_start:
        body["task_instance"] = {**verdict.assignment, "lost_contact": verdict.lost_contact}
        body["lost_contact"] = verdict.lost_contact
    if verdict.outcome not in _ACCEPTED:
        body["message"] = explain(verdict)
        body["details"] = allowed(verdict)
    return reply(body)


class RunReply(Schema):
    """What became of an act on a run."""

    outcome = Text(required=True)
    status = Text(required=True)


class TerminatedRun(RunReply):
    """What became of a termination, and how many tasks' instances it killed or withdrew."""

    applied = Count(required=True)


_ACCEPTED = frozenset({Outcome.APPLIED, Outcome.DUPLICATE, Outcome.UNTIMELY})


def report_reply(verdict: Verdict) -> dict[str, Any]:
    """Give the words that every reply to a report has."""
    return {
        "outcome": verdict.outcome,
        "task_instance_id": verdict.task_instance_id,
        "status": verdict.status,
        "task_status": verdict.task_status,
        "report_by": verdict.report_by,
    }


def exchanged(verdict: Verdict) -> dict[str, Any]:
    """Give what is told beside it: commands that wait, and what became of those acknowledged."""
    if verdict.exchanged is None:
        return {}
    told = {"commands": verdict.exchanged.commands, "acknowledged": verdict.exchanged.acknowledged}
    return {name: list(some) for name, some in told.items() if some}


def explain(verdict: Verdict) -> str:
    """Say why a report was refused."""
    if verdict.outcome is Outcome.UNKNOWN:
        return f"There is no task instance {verdict.task_instance_id}."
    if verdict.is_foreign:
        return "The instance is of another owner, whom this token does not serve."
    if verdict.outcome is Outcome.FENCED:
        return "Somebody else holds this instance; its command must not be started, or must be stopped."
    if verdict.outcome is Outcome.BUSY:
        return "The database is busy; send it again."
    if verdict.wanted is None:
        return f"No heartbeat is due in {verdict.status}."
    return f"From {verdict.status} with the task {verdict.task_status} there is no way to {verdict.wanted}."


def allowed(verdict: Verdict) -> list[dict[str, str]]:
    """Name the statuses from which an instance could have gone where an invalid report wanted it."""
    if verdict.outcome is not Outcome.INVALID or verdict.wanted is None:
        return []
    sources = sorted(TASK_INSTANCE.sources(verdict.wanted))
    return [{"field": "status", "problem": f"must be one of: {', '.join(sources) or 'none'}"}]


def batch_item(verdict: Verdict, **place: int) -> dict[str, Any]:
    """Give the entry of one item of a batch."""
    item = {**report_reply(verdict), **place, **exchanged(verdict)}
    if verdict.lost_contact is not None:
        item["lost_contact"] = verdict.lost_contact
    if verdict.outcome not in _ACCEPTED:
        item["error"] = {"code": verdict.outcome, "message": explain(verdict), "details": allowed(verdict)}
    return item


def batch_reply(verdicts: Iterable[Verdict], applied: int = 0) -> Response:
    """Reply to a batch whose items are told by their instance; `applied` are those of which no more is to be told."""
    verdicts = list(verdicts)
    applied += sum(one.outcome is Outcome.APPLIED for one in verdicts)
    outcomes = [batch_item(one, **one.place) for one in verdicts if one.is_remarkable]
    return reply({"applied": applied, "outcomes": outcomes})


class FoundInstance(Schema):
    """The instance at a place of an array."""

    task_instance_id = Id(required=True)
