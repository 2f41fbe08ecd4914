"""What a page of another site can make a browser send is refused, whoever may speak to the server."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobmon_client.states import Scope
from jobmon_server.app import create_app
from jobmon_server.config import Settings
from jobmon_server.db.core.transaction import Database
from tests.support.tokens import caller, guarded, make_token

AWAY = Database.connect("sqlite://")


def status(settings: Settings, path: str = "/api/v1/openapi.json", **headers: str) -> int:
    """What a server with these settings answers to these headers."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return create_app(AWAY, settings).test_client().get(path, headers=given).status_code


def none(**settings: Any) -> Settings:
    """Settings of a server that asks nobody."""
    return Settings(auth="none", **settings)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:5070", "127.9.9.9", "[::1]:5070", "[::1]", "localhost."]
)
def test_loopback_is_a_name_of_every_server(host: str) -> None:
    assert status(none(), Host=host) == 200


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            "evil.example:5070",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.0.2.7",
        ),
        *("", "[::1", "localhost:x", "me@localhost", "localhost/", "127.0.0.1:5070:1", "localhost\xff"),
    ],
)
def test_another_name_is_421_but_for_health(host: str) -> None:
    assert status(none(), Host=host) == 421
    for path in ("/health", "/ready", "/api/v1/health", "/api/v1/ready"):
        assert status(none(), path, Host=host) in {200, 503}


def test_the_address_that_was_bound_and_allowed_hosts_are_names() -> None:
    bound = Settings(auth="none", host="192.0.2.7", allowed_hosts=("jobmon.example.org",))
    assert status(bound, Host="192.0.2.7:80") == 200
    assert status(bound, Host="Jobmon.Example.org") == 200
    assert status(bound, Host="192.0.2.8:80") == 421
    assert status(bound, Host="www.jobmon.example.org") == 421


def test_behind_a_wildcard_each_name_and_address_of_the_machine_is_one() -> None:
    for wildcard in ("0.0.0.0", "::"):  # noqa: S104 - what is tested
        assert status(none(host=wildcard), Host=f"{socket.gethostname()}:5070") == 200
        assert status(none(host=wildcard), Host="192.0.2.7") == 421
        assert status(none(host=wildcard), Host="evil.example") == 421
    assert status(none(), Host="evil.example") == 421


@pytest.mark.parametrize(
    "origin",
    [
        *("http://evil.example", "null", "", "http://localhost:81", "http://localhost.evil.example:5070"),
        *("file://", "http://127.0.0.1:5070", "localhost:5070", "http://evil@localhost:5070"),
    ],
)
def test_a_foreign_origin_is_403(origin: str) -> None:
    assert status(none(), Host="localhost:5070", Origin=origin) == 403
    assert status(none(), "/health", Host="localhost:5070", Origin=origin) == 403


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:5070", "localhost:5070"),
        ("http://LocalHost:5070", "localhost:5070"),
        ("http://localhost", "localhost"),
        ("http://localhost", "localhost:80"),
        ("https://localhost", "localhost"),
        ("http://[::1]:5070", "[::1]:5070"),
    ],
)
def test_our_own_origin_is_taken(origin: str, host: str) -> None:
    assert status(none(), Host=host, Origin=origin) == 200


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/jso"]
)
def test_a_body_that_is_not_json_is_415_and_changes_nothing(database: Database, content_type: str) -> None:
    client = caller(guarded(database), make_token(database, Scope.OPERATOR))
    reply = client.post("/api/v1/workflow", data=b'{"name": "w"}', content_type=content_type)
    assert (reply.status_code, reply.get_json()["error"]["code"]) == (415, "malformed")
    assert client.get("/api/v1/workflow").get_json()["workflows"] == []


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "application/merge-patch+json"]
)
def test_json_of_any_kind_is_taken_and_wrong_json_is_422(client: FlaskClient, content_type: str) -> None:
    made = client.post("/api/v1/workflow", data=b'{"name": "w"}', content_type=content_type)
    assert made.status_code == 201
    assert client.post("/api/v1/workflow", data=b"{", content_type=content_type).status_code == 422


def test_a_request_without_a_body_needs_no_type(client: FlaskClient) -> None:
    made = client.post("/api/v1/workflow", json={"name": "w"}).get_json()["workflow_id"]
    assert client.post(f"/api/v1/workflow/{made}/pause").status_code in {200, 409}
    assert client.post(f"/api/v1/workflow/{made}/play", content_type="text/plain").status_code in {200, 409}


def test_whoever_has_a_token_is_held_to_it_too(database: Database) -> None:
    client = caller(guarded(database), make_token(database, Scope.OPERATOR))
    assert client.get("/api/v1/workflow", headers={"Host": "evil.example"}).status_code == 421
    assert client.get("/api/v1/workflow", headers={"Origin": "null"}).status_code == 403
