"""What may be handed to the client: whatever JSON has, and what describes itself; the rest is refused before a call."""

from __future__ import annotations

import math
from collections import UserDict, namedtuple
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from jobmon_client import Workflow
from jobmon_client.api.client import Api
from jobmon_client.errors import NotJson
from jobmon_client.http import Http
from jobmon_client.payload import encoded, plain
from jobmon_client.spec.definition import InvalidDefinition
from tests.client.scripted_server import ScriptedServer


@dataclass
class Fit:
    """A result as a dataclass."""

    place: str
    scores: tuple[float, ...]


class Point(NamedTuple):
    """A result as a named tuple."""

    x: int
    y: int


class Model:
    """A result as pydantic makes them."""

    def model_dump(self) -> dict[str, Any]:
        """Its fields."""
        return {"slope": 2.5, "at": Point(1, 2)}


Old = namedtuple("Old", ["a"])  # noqa: PYI024 - the untyped kind
ITSELF: list[Any] = []
ITSELF.append(ITSELF)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (Fit("here", (1.5, 2.0)), {"place": "here", "scores": [1.5, 2.0]}),
        (Point(1, 2), {"x": 1, "y": 2}),
        (Old(1), {"a": 1}),
        (Model(), {"slope": 2.5, "at": {"x": 1, "y": 2}}),
        ([Fit("a", ()), {"b": Point(0, 0)}], [{"place": "a", "scores": []}, {"b": {"x": 0, "y": 0}}]),
        (UserDict(a=1), {"a": 1}),
        ("as it is", "as it is"),
        ({"a": None, "b": True}, {"a": None, "b": True}),
    ],
)
def test_what_describes_itself_is_an_object(server: ScriptedServer, given: Any, sent: Any) -> None:
    assert plain(given) == sent
    server.add(1, status="RUNNING", holder="w")
    Api(Http(server.url, budget=1)).log_done(1, worker_id="w", result=given)
    assert server.last(1)["result"] == sent


@pytest.mark.parametrize(
    ("given", "place", "problem"),
    [
        ({"scores": [1, math.nan]}, "result.scores.1", "is nan, which JSON does not have"),
        (math.inf, "result", "is inf"),
        ({"a": {1, 2}}, "result.a", "is of type set"),
        ([b"bytes"], "result.0", "is of type bytes"),
        ({"at": datetime(2026, 1, 1, tzinfo=UTC)}, "result.at", "is of type datetime"),
        ({"a": {1: "one"}}, "result.a", "has the key 1"),
        (Fit, "result", "is of type type"),
        (ITSELF, "result", "nested too deeply"),
        (Fit("a", (math.nan,)), "result.scores.0", "is nan"),
    ],
)
def test_what_is_no_json_is_refused_before_any_call(
    server: ScriptedServer, given: Any, place: str, problem: str
) -> None:
    api = Api(Http(server.url, budget=1))
    with pytest.raises(NotJson) as refusal:
        api.log_done(1, worker_id="w", result=given)
    assert refusal.value.place == place
    assert str(refusal.value).startswith(f"{place} ")
    assert problem in str(refusal.value)
    assert server.calls == []


@pytest.mark.parametrize("value", [math.nan, b"x", {3}, object()])
def test_the_same_holds_for_every_field_of_every_call(server: ScriptedServer, value: Any) -> None:
    api = Api(Http(server.url, budget=1))
    with pytest.raises(NotJson, match=r"^tasks\.1\.attributes\.a "):
        api.bind_tasks(1, [{"name": "a"}, {"name": "b", "attributes": {"a": value}}])
    with pytest.raises(NotJson, match=r"^reports\.0\.usage "):
        api.reports([{"usage": value}])
    assert server.calls == []


def test_a_payload_is_sent_as_compactly_as_json_goes() -> None:
    assert encoded({"a": [1, None], "b": Fit("x", ())}) == b'{"a":[1,null],"b":{"place":"x","scores":[]}}'


def test_a_workflow_takes_attributes_that_describe_themselves() -> None:
    workflow = Workflow("w", attributes=Point(1, 2))
    workflow.task("a", "true", attributes=Fit("here", (1.0,)))
    assert workflow.definition.attributes == {"x": 1, "y": 2}
    assert workflow.definition.tasks[0].attributes == {"place": "here", "scores": [1.0]}
    with pytest.raises(InvalidDefinition, match="attributes"):
        workflow.task("b", "true", attributes={"a": {1}})
