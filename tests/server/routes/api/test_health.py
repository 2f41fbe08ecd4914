"""Liveness, readiness, and the published state machines."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.engine import Connection

from jobmon_client.states import TaskInstanceStatus
from jobmon_server.app import create_app
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema import lifecycle


@pytest.mark.parametrize("path", ["/health", "/api/v1/health"])
def test_the_process_answers(client: FlaskClient, path: str) -> None:
    assert client.get(path).json == {"status": "ok"}


@pytest.mark.parametrize("path", ["/ready", "/api/v1/ready"])
def test_it_is_ready_when_the_schema_is_current(client: FlaskClient, path: str) -> None:
    response = client.get(path)

    assert (response.status_code, response.json) == (
        200,
        {"status": "ready", "revision": lifecycle.HEAD, "duties": []},
    )


def test_it_is_not_ready_on_another_schema(client: FlaskClient, database: Database) -> None:
    def age(connection: Connection) -> None:
        connection.execute(update(lifecycle.version).values(version_num="9999"))

    database.transact(age)

    response = client.get("/ready")
    assert response.status_code == 503
    assert "9999" in response.text
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/at/all.db", "mysql+pymysql://nobody@127.0.0.1:1/nothing"]
)
def test_it_is_alive_but_not_ready_without_a_database(url: str) -> None:
    database = Database.connect(url)
    client = create_app(database).test_client()

    response = client.get("/ready")

    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) >= 1
    assert client.get("/health").status_code == 200
    database.dispose()


def test_the_state_machines_are_published_with_a_version(client: FlaskClient) -> None:
    response = client.get("/api/v1/fsm")

    assert response.json is not None
    names = [status["name"] for status in response.json["task_instance"]["statuses"]]
    assert names == list(TaskInstanceStatus)
    assert response.headers["ETag"] == f'"{response.json["version"]}"'


def test_who_has_the_version_gets_no_body(client: FlaskClient) -> None:
    tag = client.get("/api/v1/fsm").headers["ETag"]

    again = client.get("/api/v1/fsm", headers={"If-None-Match": tag})
    changed = client.get("/api/v1/fsm", headers={"If-None-Match": '"other"'})

    assert (again.status_code, again.data) == (304, b"")
    assert changed.status_code == 200
