"""Query strings: what takes one value is given once, and whatever is given any number of times makes no route fail."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobmon_server.app import create_app
from jobmon_server.db.core.transaction import Database
from jobmon_server.routes import BLUEPRINTS
from jobmon_server.routes.http.openapi import describe

VALUES = ("true", "1", "x", "")


def queries() -> list[tuple[str, str]]:
    """Every field of every query string, with ids in the path that nothing has."""
    document = describe(create_app(Database.connect("sqlite://")), BLUEPRINTS)
    return [
        ("/".join("999" if part.startswith("{") else part for part in path.split("/")), one["name"])
        for path, operations in document["paths"].items()
        for one in operations.get("get", {}).get("parameters", [])
        if one["in"] == "query"
    ]


@pytest.fixture
def app(database: Database) -> Flask:
    """A server that is about to end, so that nobody waits."""
    return create_app(database, closing=lambda: True)


def test_no_field_given_twice_makes_a_route_fail(client: FlaskClient) -> None:
    failed = {
        (path, name, value)
        for path, name in queries()
        for value in VALUES
        if client.get(path, query_string=[(name, value), (name, value)]).status_code == 500
    }
    assert failed == set()


@pytest.mark.parametrize("entity", ["workflow", "task", "task_instance"])
@pytest.mark.parametrize("name", ["total", "distinct", "limit", "offset", "cursor", "detail"])
def test_what_takes_one_value_is_refused_twice_by_name(client: FlaskClient, entity: str, name: str) -> None:
    query = [(name, "true"), (name, "true"), ("workflow_id", "x")]
    reply = client.get(f"/api/v1/{entity}", query_string=query)
    details: list[dict[str, Any]] = reply.get_json()["error"]["details"]
    assert reply.status_code == 422
    problems = {one["field"]: one["problem"] for one in details}
    assert problems[name] == "may be given once"
    assert "workflow_id" in problems


def test_filters_may_be_given_again(client: FlaskClient) -> None:
    query = [
        ("name", "a"),
        ("name", "b"),
        ("attr.k", "1"),
        ("attr.k", "2"),
        ("sort", "name"),
        ("sort", "-status"),
    ]
    assert client.get("/api/v1/task", query_string=query).status_code == 200
