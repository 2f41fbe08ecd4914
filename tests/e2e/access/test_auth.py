"""A server that asks for tokens, and the command line that has one, or has not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from jobmon_client.api.client import Api
from jobmon_client.states import Scope
from jobmon_server.db.core.transaction import Database
from tests.support.commands import Jobmon
from tests.support.server import LiveServer, serve
from tests.support.tokens import make_token

TASKS = [
    {"name": "a", "command": 'test -z "$JOBMON_TOKEN$JOBMON_TOKEN_FILE" && echo told > a'},
    {"name": "b", "command": "cat a", "upstream": ["a"]},
]


@pytest.fixture
def guarded(database_url: str, tmp_path: Path) -> Iterator[LiveServer]:
    """`jobmon-server serve --auth`."""
    with serve(database_url, tmp_path, "--auth") as server:
        yield server


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A workflow file."""
    path = tmp_path / "workflow.yaml"
    path.write_text(yaml.safe_dump({"name": "w", "tasks": TASKS}))
    return path


@pytest.fixture
def jobmon(guarded: LiveServer, database: Database, tmp_path: Path) -> Iterator[Jobmon]:
    """The command line with a profile for each scope, whose token is in a file."""
    text = ""
    for scope in Scope:
        secret = tmp_path / f"{scope}.token"
        secret.write_text(make_token(database, scope, name=f"my-{scope}", owner="ann") + "\n")
        text += f'[profiles.{scope}]\nserver_url = "{guarded.url}"\ntoken_file = "{secret}"\n'
    (tmp_path / "config.toml").write_text(text)
    command = Jobmon(tmp_path, "sqlite:////nowhere/jobmon.db")
    command.settings = {"JOBMON_CONFIG_FILE": str(tmp_path / "config.toml")}
    yield command
    command.close()


def test_a_workflow_runs_with_the_token_of_a_profile(
    jobmon: Jobmon, file: Path, tmp_path: Path, guarded: LiveServer
) -> None:
    ended = jobmon("--profile", "operator", "run", file, "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / "a").read_text() == "told\n"
    jobmon.settings["JOBMON_PROFILE"] = "viewer"
    (line,) = jobmon.json("status")["workflows"]
    assert line["status"] == "DONE"
    token = (tmp_path / "viewer.token").read_text().strip()
    assert token not in guarded.log.read_text()
    with Api.connect(guarded.url, token=token) as api:
        assert api.workflow(line["workflow_id"])["owner"] == "ann"


@pytest.mark.parametrize("who", ["viewer", "distributor"])
def test_a_token_that_does_not_allow_it_is_a_usage_error_and_nothing_is_bound(
    jobmon: Jobmon, file: Path, who: str
) -> None:
    ended = jobmon("--profile", who, "run", file)
    assert ended.returncode == 2
    assert "jobmon: The token does not allow this; a scope that does: operator, admin." in ended.stderr
    assert jobmon.json("--profile", "viewer", "status")["workflows"] == []


def test_without_a_token_the_server_says_what_it_asks_for(jobmon: Jobmon, guarded: LiveServer) -> None:
    ended = jobmon("status", "--server", guarded.url)
    assert ended.returncode == 2
    assert re.search(r"^jobmon: This server asks for a token", ended.stderr, re.MULTILINE)


def test_an_unknown_profile_is_a_usage_error(jobmon: Jobmon) -> None:
    ended = jobmon("--profile", "nobody", "status")
    assert ended.returncode == 2
    assert "known: admin, distributor, operator, viewer, worker" in ended.stderr


def test_a_distributor_serves_with_a_distributors_token(
    jobmon: Jobmon, guarded: LiveServer, tmp_path: Path, eventually: Callable[..., object]
) -> None:
    jobmon.start("--profile", "distributor", "distributor", "--cluster", "local")
    token = (tmp_path / "operator.token").read_text().strip()
    with Api.connect(guarded.url, token=token) as api:
        workflow_id = api.bind_workflow("w")["workflow_id"]
        api.bind_tasks(workflow_id, [{"name": "a", "command": "true"}])
        api.queue_tasks(api.start_run(workflow_id, next_report_increment=60).body["workflow_run_id"])
        eventually(lambda: api.workflow(workflow_id)["status"] == "DONE", 30, what="the workflow is done")
