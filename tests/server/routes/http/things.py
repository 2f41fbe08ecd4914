"""Routes with one field of each kind, for tests of the way in and out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response

from jobmon_client.states import Outcome, TaskStatus
from jobmon_server.errors import Busy, CorruptRow, Fenced, Invalid, Unknown
from jobmon_server.routes.fields.base import (
    Attributes,
    CommandText,
    Count,
    Flag,
    Id,
    Increment,
    ListOf,
    Name,
    Real,
    Schema,
    Text,
    WordField,
)
from jobmon_server.routes.http.endpoint import blueprint, get, post, reply
from jobmon_server.routes.http.fast_load import Items

LIMIT = 4_000_000


class Thing(Schema):
    """One item of a bulk body."""

    name = Name(required=True)
    upstream = ListOf(Name(), maximum=3)


class Things(Schema):
    """One field of each kind."""

    name = Name()
    increment = Increment()
    text = Text()
    short = Text(maximum=40)
    command = CommandText()
    attributes = Attributes()
    count = Count()
    id = Id()
    real = Real(0.0, 10.0)
    flag = Flag()
    word = WordField(TaskStatus)
    some = WordField([TaskStatus.DONE, TaskStatus.STOPPED])
    things = Items(Thing, maximum=20_000)


class Required(Schema):
    """A body that cannot be empty."""

    name = Name(required=True)


class Page(Schema):
    """A query."""

    cluster = Name()


@dataclass(frozen=True)
class Told:
    """What an action returns."""

    outcome: Outcome
    status: TaskStatus
    report_by: datetime | None = None
    message: str | None = None


things = blueprint("things", "For these tests.")


ERRORS = {
    "busy": Busy(retry_after=2.6),
    "invalid": Invalid("It is DONE.", extra={"status": "DONE"}),
    "fenced": Fenced(),
    "unknown": Unknown("task instance", 7),
    "corrupt": CorruptRow("task", "status", 3),
    "unforeseen": ZeroDivisionError("secret"),
}


@post(things, "/echo/<id:thing_id>", body=Things)
def echo(thing_id: int, **facts: Any) -> Response:
    """Say what was understood."""
    return reply({"thing_id": thing_id, "facts": facts})


@post(things, "/required", body=Required)
def required(**facts: Any) -> Response:
    """Want a body."""
    return reply(facts, 201)


@post(things, "/nothing")
def nothing() -> Response:
    """Want no body."""
    return reply({"outcome": Outcome.APPLIED})


@get(things, "/steps/<index:step>", query=Page)
def steps(step: int, **query: Any) -> Response:
    """Count from 0."""
    return reply({"step": step, **query})


@get(things, "/error/<string:name>")
def error(name: str) -> Response:
    """Go wrong."""
    raise ERRORS[name]


@get(things, "/told/<string:outcome>")
def told(outcome: str) -> Response:
    """Reply with an action's result."""
    instant = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - as the database gives it
    return reply(Told(Outcome(outcome), TaskStatus.DONE, instant, "No." if outcome == "fenced" else None))
