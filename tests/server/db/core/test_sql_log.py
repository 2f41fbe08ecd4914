"""The switch that logs SQL: every statement, its parameters, no secret."""

from __future__ import annotations

import json
from pathlib import Path as FilePath
from typing import Any

import pytest
import requests

from jobmon_client.states import Scope
from jobmon_server.actions.admin.tokens import new_token
from jobmon_server.db.admin.tokens import digest_of
from jobmon_server.db.core.statement_log import shown
from jobmon_server.db.core.transaction import Database
from tests.support.server import serve
from tests.support.tokens import make_token

#: One of the form that `new_token` makes; the same in each process that collects these tests.
A_TOKEN = "jm_" + "aB3-_" * 8 + "xyz"

SECRETS = ("aB3dE6gH9jK2mN5pQ8sT", "hunter2")
CALLBACK = f"http://127.0.0.1:9/hook/{SECRETS[0]}?key={SECRETS[1]}"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("name", "name"),
        (7, 7),
        (None, None),
        (digest_of("x"), "***"),
        (f"export T={A_TOKEN};", "export T=jm_***;"),
        ("https://me:secret@host/path", "https://***@host/path"),
        ("mysql+pymysql://me:a/b@c@host/db", "mysql+pymysql://***@host/db"),
        ("https://host/path?key=secret&of=7#end", "https://host/path?key=***&of=***#end"),
        ("https://host/path?secret", "https://host/path?***"),
        ('["https://host/?key=secret", "name"]', '["https://host/?key=***", "name"]'),
        ("https://host/services/T0/B0/aB3dE6gH9jK2mN5pQ8sT1vW4", "https://host/services/T0/B0/***"),
        ("https://host/123e4567-e89b-12d3-a456-426614174000/in?x=1", "https://host/***/in?x=***"),
        ("https://host/a-long-name-without-any-number/b", "https://host/a-long-name-without-any-number/b"),
        ("is it so? yes=1", "is it so? yes=1"),
        ("x" * 201, "x" * 200 + "… [201 characters]"),
        ({"a": A_TOKEN, "b": [1, ("y",)]}, {"a": "jm_***", "b": [1, ["y"]]}),
    ],
)
def test_a_parameter_is_shown_without_what_is_secret_in_it(value: Any, told: Any) -> None:
    assert shown(value) == told
    assert len(A_TOKEN) == len(new_token())


def logged(log: FilePath) -> list[dict[str, Any]]:
    """The SQL in a server's log."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == "sql"]


def test_the_switch_logs_statements_with_their_parameters(
    database: Database, database_url: str, tmp_path: FilePath
) -> None:
    text = make_token(database, Scope.OPERATOR)
    with serve(database_url, tmp_path, "--auth", "--log-sql") as server:
        reply = requests.post(
            f"{server.url}/api/v1/workflow",
            json={"name": "a name", "attributes": {"long": "z" * 1000}, "callback_url": CALLBACK},
            headers={"Authorization": f"Bearer {text}"},
            timeout=10,
        )
        assert reply.status_code == 201
    statements = logged(server.log)
    (insert,) = [one for one in statements if one["statement"].startswith("INSERT INTO workflow ")]
    assert "a name" in str(insert["parameters"])
    assert any("FROM token" in one["statement"] for one in statements)
    whole = server.log.read_text()
    assert "127.0.0.1:9/hook" in str(insert["parameters"])
    for secret in (text, digest_of(text), "z" * 201, *SECRETS):
        assert secret not in whole
    password = database.engine.url.password
    assert password is None or f":{password}@" not in whole


def test_without_the_switch_no_sql_is_logged(database_url: str, tmp_path: FilePath) -> None:
    with serve(database_url, tmp_path, "--log-level", "debug") as server:
        assert (
            requests.get(f"{server.url}/api/v1/workflow", headers=server.headers, timeout=10).status_code
            == 200
        )
    assert logged(server.log) == []
