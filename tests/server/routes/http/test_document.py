"""What the OpenAPI document promises holds for every route: limits, unknown names, every bad field at once."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobmon_server.app import create_app
from jobmon_server.config import Settings
from jobmon_server.db.core.transaction import Database
from tests.support.openapi import CheckedClient, Contract

AWAY = Database.connect("mysql+pymysql://nobody@127.0.0.1:1/nothing")
NOBODY = create_app(AWAY, Settings(auth="none", max_content_length=5000))
DOCUMENT: Any = NOBODY.test_client().get("/api/v1/openapi.json").get_json()
CONTRACT = Contract(NOBODY, DOCUMENT)
OPERATIONS = sorted((path, method) for path, operations in DOCUMENT["paths"].items() for method in operations)
OPERATIONS = [(path, method) for path, method in OPERATIONS if method in {"get", "post"}]
GETS = [path for path, method in OPERATIONS if method == "get"]
#: What Prometheus scrapes tells that the database is away; what it asks for beside is ignored.
WITHOUT_DATABASE = {
    "/api/v1/config",
    "/api/v1/health",
    "/api/v1/fsm",
    "/api/v1/metrics",
    "/api/v1/metric_names",
}
#: What these do not do without, where any text would not do.
ASKED = {"summary": {"by": "status"}, "find": {"task_id": "1"}}
POSTS = [path for path, method in OPERATIONS if method == "post"]


@pytest.fixture
def caller() -> FlaskClient:
    """A caller of a server whose database is away: what is refused here was refused before it was asked."""
    client = CheckedClient(NOBODY, NOBODY.response_class)
    client.contract = CONTRACT
    return client


def address(path: str) -> str:
    """The path with 1 in every place."""
    return "/".join("1" if part.startswith("{") else part for part in path.split("/"))


def fields_named(response: Any) -> set[str]:
    """The fields that a 422 names."""
    assert response.status_code == 422, response.text
    return {detail["field"] for detail in response.get_json()["error"]["details"]}


def body_schema(path: str) -> dict[str, Any]:
    """The schema of a POST's body."""
    schema = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    found: dict[str, Any] = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


@pytest.mark.parametrize(
    ("path", "method"), [(path, method) for path, method in OPERATIONS if path != "/api/v1/metrics"]
)
def test_an_unknown_name_is_refused_everywhere(caller: FlaskClient, path: str, method: str) -> None:
    if method == "get":
        named = fields_named(caller.get(f"{address(path)}?unheard_of=1"))
    else:
        named = fields_named(caller.post(address(path), json={"unheard_of": 1}))
    assert "unheard_of" in named


@pytest.mark.parametrize("path", POSTS)
def test_one_422_names_every_bad_field(caller: FlaskClient, path: str) -> None:
    properties = body_schema(path).get("properties", {})
    anything = {name for name, one in properties.items() if not one.keys() - {"nullable"}}
    bad = {name: 1 if one.get("type") == "boolean" else True for name, one in properties.items()}
    named = fields_named(caller.post(address(path), json={**bad, "unheard_of": 1, "nor_this": 2}))
    assert named == (bad.keys() - anything) | {"unheard_of", "nor_this"}


@pytest.mark.parametrize("path", POSTS)
def test_one_422_names_every_missing_field(caller: FlaskClient, path: str) -> None:
    required = set(body_schema(path).get("required", []))
    if required:
        assert fields_named(caller.post(address(path), json={})) == required


@pytest.mark.parametrize("path", POSTS)
def test_a_body_over_the_stated_limit_is_413(caller: FlaskClient, path: str) -> None:
    operation = DOCUMENT["paths"][path]["post"]
    assert operation["requestBody"]["description"] == "At most 5000 bytes."
    assert "5000" in operation["responses"]["413"]["description"]
    response = caller.post(address(path), data=b" " * 5001, content_type="application/json")
    assert response.status_code == 413
    assert "5000" in response.get_json()["error"]["message"]
    within = b" " * 4990 + b'{"x": 1}'
    assert caller.post(address(path), data=within, content_type="application/json").status_code == 422


@pytest.mark.parametrize("path", GETS)
def test_a_read_of_a_database_that_is_away_is_503(caller: FlaskClient, path: str) -> None:
    parameters = DOCUMENT["paths"][path]["get"].get("parameters", [])
    needed = {one["name"]: "c" for one in parameters if one["in"] == "query" and one.get("required")}
    needed |= ASKED.get(path.rpartition("/")[2], {})
    response = caller.get(address(path), query_string=needed)
    assert response.status_code == (200 if path in WITHOUT_DATABASE else 503), response.text


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda of: of["responses"].pop("200"), "status 200 is not documented"),
        (lambda of: of["responses"]["200"].pop("content"), "200 has a body"),
        (
            lambda of: of["responses"]["200"]["content"].update(
                {"application/json": {"schema": {"type": "array"}}}
            ),
            "is not of type 'array'",
        ),
        (lambda of: of["responses"]["200"].update(content={"text/plain": {}}), "200 is application/json"),
    ],
)
def test_a_reply_that_is_not_as_documented_is_noticed(change: Any, problem: str) -> None:
    doctored = deepcopy(DOCUMENT)
    change(doctored["paths"]["/api/v1/health"]["get"])
    response = NOBODY.test_client().get("/api/v1/health")
    (found,) = Contract(NOBODY, doctored).problems(response)
    assert problem in found
    assert list(CONTRACT.problems(response)) == []
