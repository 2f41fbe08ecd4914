"""No call, well-formed or hostile, makes any route fail, and every reply is as documented: the whole OpenAPI document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobmon_server.app import create_app
from jobmon_server.routes import BLUEPRINTS
from jobmon_server.routes.http import openapi

pytestmark = pytest.mark.fuzz

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from flask.testing import FlaskClient

    from jobmon_server.db.core.transaction import Database
    from tests.support.path import Path

#: Of one to three calls each: some twenty seconds on either database.
EXAMPLES = 1500
LONG_EXAMPLES = 30_000
HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 3),
    st.sampled_from([2**31, 2**63 - 1, 2**63, 10**30, -(2**63)]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=()), max_size=8),
    st.sampled_from(["\x00", "\ud800", "x" * 300, "😀" * 300]),
)
ANYTHING = st.recursive(
    HOSTILE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
#: What stands in a path or a query: mostly ids that exist, and what no id can be.
WRITTEN = st.one_of(
    st.integers(1, 4).map(str),
    st.sampled_from(
        ["0", "-1", "5", "999", str(2**63), "9" * 30, "1.0", "x", "%00", "é", "RUNNING", "DONE,QUEUED"]
    ),
)
Call = tuple[str, str, Any]


def strategy(schema: dict[str, Any], schemas: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that fit a schema of the document, mostly."""
    if "$ref" in schema:
        return strategy(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if kind == "object" and "properties" in schema:
        return objects(schema, schemas)
    if kind == "array":
        return st.lists(strategy(schema.get("items", {}), schemas), max_size=3)
    return plain(schema)


def objects(schema: dict[str, Any], schemas: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Objects: what is required fits, the rest fits or is hostile."""
    fitting = {name: strategy(one, schemas) for name, one in schema["properties"].items()}
    required = set(schema.get("required", []))
    return st.fixed_dictionaries(
        {name: one for name, one in fitting.items() if name in required},
        optional={name: one | HOSTILE for name, one in fitting.items() if name not in required},
    )


def plain(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Small values of a plain kind."""
    kind = schema.get("type")
    if kind == "integer":
        return st.integers(max(schema.get("minimum", 0), -5), min(schema.get("maximum", 5), 5))
    if kind == "number":
        return st.sampled_from([0.000001, 1, 60.0])
    return st.sampled_from(["a", "b", "c", "é😀"]) if kind == "string" else ANYTHING


def calls(document: dict[str, Any]) -> Iterator[st.SearchStrategy[Call]]:
    """Calls of every operation."""
    for path, operations in document["paths"].items():
        for method in operations.keys() & {"get", "post"}:
            operation = operations[method]
            bodies: st.SearchStrategy[Any] = st.none()
            if method == "post":
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                is_any = path.endswith("/reports")
                good = reports(document) if is_any else strategy(schema, document["components"]["schemas"])
                bodies = st.one_of(good, good, ANYTHING)
            yield st.tuples(st.just(method), paths(path, operation), bodies)


def paths(path: str, operation: dict[str, Any]) -> st.SearchStrategy[str]:
    """The path with something in each of its places, and perhaps a query."""
    parts = [WRITTEN if part.startswith("{") else st.just(part) for part in path.split("/")]
    names = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
    query = st.dictionaries(st.sampled_from([*names, "unheard_of"]), WRITTEN, max_size=2)
    return st.builds(
        lambda found, asked: (
            "/".join(found) + "?" + "&".join(f"{name}={value}" for name, value in asked.items())
        ),
        st.tuples(*parts),
        st.just({}) | query,
    )


def reports(document: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Bodies of /reports: items of every kind, each with the fields of its own route."""
    schemas = document["components"]["schemas"]
    kinds = []
    for path, operations in document["paths"].items():
        name = path.rpartition("/")[2]
        if path.startswith("/api/v1/task_instance/{") and "post" in operations:
            body = operations["post"]["requestBody"]["content"]["application/json"]["schema"]
            head = st.fixed_dictionaries({"task_instance_id": st.integers(1, 4), "report": st.just(name)})
            kinds.append(st.builds(lambda first, rest: {**first, **rest}, head, strategy(body, schemas)))
    # Deferred, because Hypothesis warns of a strategy whose repr is long.
    some = st.deferred(lambda: st.one_of(*kinds))
    return st.fixed_dictionaries({"reports": st.lists(some | ANYTHING, max_size=6)})


@pytest.fixture
def app(database: Database) -> Flask:
    """A server that is about to end, so that nobody waits."""
    return create_app(database, closing=lambda: True)


@pytest.fixture
def prepared(path: Path, client: FlaskClient) -> FlaskClient:
    """A caller of a server with a little of everything under the ids 1 to 4."""
    path.bind(*({"name": name, "command": "true"} for name in "abcd")).start()
    path.error(path.run_one())
    path.run_one()
    path.claim(path.queue(limit=1))
    path.queue()
    return client


def test_no_call_makes_a_route_fail_and_every_reply_is_documented(app: Flask, prepared: FlaskClient) -> None:
    assert {200, 404, 409, 422} <= attacked(app, prepared, EXAMPLES)


@pytest.mark.long(
    sibling="tests/server/routes/api/test_fuzz.py::test_no_call_makes_a_route_fail_and_every_reply_is_documented"
)
@pytest.mark.timeout(3600)
def test_no_call_of_many_thousands_makes_a_route_fail(app: Flask, prepared: FlaskClient) -> None:
    assert {200, 404, 409, 422} <= attacked(app, prepared, LONG_EXAMPLES)


def attacked(app: Flask, prepared: FlaskClient, examples: int) -> set[int]:
    """Make so many calls; the statuses of their replies."""
    every = list(calls(openapi.describe(app, BLUEPRINTS)))
    seen: set[int] = set()

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.data())
    def attack(data: st.DataObject) -> None:
        for choice in data.draw(st.lists(st.integers(0, len(every) - 1), min_size=1, max_size=3)):
            method, path, body = data.draw(every[choice])
            content = None if method == "get" else json.dumps(body)
            response = prepared.open(path, method=method, data=content, content_type="application/json")
            assert response.status_code < 500, (method, path, body, response.text)
            seen.add(response.status_code)

    attack()
    return seen
