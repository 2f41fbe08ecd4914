"""Who comes from 0.1: a database of its revision, and settings that say `auth = true` or `auth = false`."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy.engine import Connection

from jobmon_client.api.client import Api
from jobmon_client.http import Http
from jobmon_client.states import Scope
from jobmon_server.actions.admin.tokens import create_token
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema import lifecycle
from jobmon_server.migrations import configuration
from tests.server.serving.test_serve import run
from tests.support.server import serve

TOKEN = "jm_of_0_1"


def make_0_1(connection: Connection) -> None:
    """Make the schema as 0.1 left it."""
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")


@pytest.fixture
def old(empty_database_url: str) -> str:
    """A database of 0.1 with one token."""
    database = Database.connect(empty_database_url)
    database.transact(make_0_1)
    database.transact(create_token, "ann", TOKEN, [Scope.OPERATOR])
    database.dispose()
    return empty_database_url


def configured(home: Path, auth: str) -> dict[str, str]:
    """A file of settings as 0.1 had it."""
    file = home / "server.toml"
    file.write_text(f"auth = {auth}\n")
    return {"JOBMON_SERVER_CONFIG_FILE": str(file)}


def test_serve_names_the_command_and_the_command_keeps_what_there_is(old: str, tmp_path: Path) -> None:
    refused = run(tmp_path, "serve", "--port", "0", "--database-url", old)
    assert (refused.returncode, "jobmon-server db upgrade" in refused.stderr) == (2, True)
    upgraded = run(tmp_path, "db", "upgrade", "--database-url", old)
    assert upgraded.returncode == 0, upgraded.stderr
    database = Database.connect(old)
    assert database.read(lifecycle.check_current) == lifecycle.HEAD
    database.dispose()
    with serve(old, tmp_path) as server, Api(Http(server.url, budget=5, token=TOKEN)) as named:
        assert named.workflows()["workflows"] == []
        with Api(Http(server.url, budget=5)) as local:
            assert local.bind_workflow("w")["workflow_id"] == 1


def test_auth_true_is_tokens_and_says_so(tmp_path: Path) -> None:
    shown = run(tmp_path, "config", "show", "--origin", **configured(tmp_path, "true"))
    assert ["auth", "file", "tokens"] in [line.split() for line in shown.stdout.splitlines()]
    assert "WARNING: auth: True (file) is read as 'tokens': write local, tokens, none." in shown.stderr


def test_auth_false_is_none_and_says_so(tmp_path: Path) -> None:
    shown = run(tmp_path, "config", "show", "--origin", **configured(tmp_path, "false"))
    assert ["auth", "file", "none"] in [line.split() for line in shown.stdout.splitlines()]
    assert "WARNING: auth: False (file) is read as 'none': write local, tokens, none." in shown.stderr
    variable = run(tmp_path, "config", "show", JOBMON_AUTH="true")
    assert "auth: 'true' (environment) is read as 'tokens'" in variable.stderr
