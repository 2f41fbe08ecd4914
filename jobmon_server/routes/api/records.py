"""What others find out about tasks and attempts: whether inputs are there, whether usage was accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response
from marshmallow import fields

from jobmon_client.states import AccountingStatus, InputStatus, Outcome
from jobmon_server.actions.workflow.accounting import set_accounting
from jobmon_server.actions.workflow.inputs import set_inputs
from jobmon_server.errors import Malformed
from jobmon_server.routes.fields.base import Count, Id, Name, Schema, WordField
from jobmon_server.routes.http.endpoint import blueprint, database, post, reach, reply
from jobmon_server.routes.http.fast_load import Items
from jobmon_server.routes.schemas.requests import LARGEST_BATCH

records = blueprint("records", "What others find out about tasks and attempts.")
#: How many problems one refusal names.
MOST_NAMED = 100


class Input(Schema):
    """An input of a task, and whether it is where it is expected."""

    task_id = Id(required=True)
    name = Name(required=True)
    status = WordField(InputStatus, required=True)


class Inputs(Schema):
    """What was found out about inputs; an empty list changes nothing."""

    items = Items(Input, required=True, maximum=LARGEST_BATCH)


class InputOutcome(Schema):
    """What became of one that was not changed."""

    task_id = Id(required=True)
    name = Name(required=True)
    outcome = WordField(Outcome, required=True)
    status = WordField(InputStatus, required=True, allow_none=True)


class InputsSet(Schema):
    """How many were changed, how many there are of those that were named, and each that was not changed."""

    applied = Count(required=True)
    matched = Count(required=True)
    outcomes = fields.List(fields.Nested(InputOutcome), required=True)


@post(records, "/task/inputs", body=Inputs, reply=InputsSet, refusals=(422, 503))
def set_task_inputs(items: list[dict[str, Any]]) -> Response:
    """Say whether inputs that tasks were bound with are where they are expected."""
    once(items, "task_id", "name")
    wanted = {(one["task_id"], one["name"]): one["status"] for one in items}
    return set_reply(set_inputs(database(), wanted, reach()))


class Accounted(Schema):
    """An attempt, and whether what it used has been accounted for."""

    task_instance_id = Id(required=True)
    accounting = WordField(AccountingStatus, required=True)


class Accounting(Schema):
    """What was accounted for; an empty list changes nothing."""

    items = Items(Accounted, required=True, maximum=LARGEST_BATCH)


class AccountingOutcome(Schema):
    """What became of one that was not changed."""

    task_instance_id = Id(required=True)
    outcome = WordField(Outcome, required=True)
    accounting = WordField(AccountingStatus, required=True, allow_none=True)


class AccountingSet(Schema):
    """How many were changed, how many there are of those that were named, and each that was not changed."""

    applied = Count(required=True)
    matched = Count(required=True)
    outcomes = fields.List(fields.Nested(AccountingOutcome), required=True)


@post(records, "/task_instance/accounting", body=Accounting, reply=AccountingSet, refusals=(422, 503))
def set_accounting_of_attempts(items: list[dict[str, Any]]) -> Response:
    """Say whether what attempts used has been accounted for; nothing here depends on it."""
    once(items, "task_instance_id")
    wanted = {one["task_instance_id"]: one["accounting"] for one in items}
    return set_reply(set_accounting(database(), wanted, reach()))


def set_reply(verdicts: Sequence[Any]) -> Response:
    """Count what was changed and what there is, and tell each that was not changed."""
    others = [one for one in verdicts if one.outcome is not Outcome.APPLIED]
    unknown = sum(one.outcome is Outcome.UNKNOWN for one in others)
    applied = len(verdicts) - len(others)
    return reply({"applied": applied, "matched": len(verdicts) - unknown, "outcomes": others})


def once(items: Sequence[Mapping[str, Any]], *key: str) -> None:
    """Refuse a call that names one thing twice. Raises `Malformed`."""
    counts = Counter(tuple(one[name] for name in key) for one in items)
    details = [
        {"field": f"items.{position}.{key[-1]}", "problem": "is given more than once in this call"}
        for position, one in enumerate(items)
        if counts[tuple(one[name] for name in key)] > 1
    ]
    if details:
        raise Malformed(details=details[:MOST_NAMED])
