"""The other commands of `jobmon-server`."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from jobmon_client.states import TaskInstanceStatus
from jobmon_server.cli import main
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema import lifecycle
from jobmon_server.fsm.diagram import as_json
from tests.server.serving.test_serve import add_instance, forget_foreign_keys
from tests.server.serving.test_serve import run as run_process


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path}/jobmon.db"


def run(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(main, arguments)


def test_help_names_every_command() -> None:
    told = run("--help").output

    assert all(command in told for command in ("serve", "db", "reap", "fsm"))
    assert "check" in run("db", "--help").output


def test_the_version_is_told() -> None:
    told = run("--version")
    assert (told.exit_code, version("jobmon") in told.output) == (0, True)


def test_fsm_prints_the_tables_that_run() -> None:
    assert json.loads(run("fsm", "--format", "json").output) == json.loads(json.dumps(as_json()))
    assert run("fsm", "--format", "mermaid").output.count("stateDiagram-v2") == 4
    assert run("fsm").output.startswith("# States")


def test_upgrade_makes_the_schema(url: str) -> None:
    ended = run("db", "upgrade", "--database-url", url)

    assert (ended.exit_code, ended.output) == (0, f"The schema is of revision {lifecycle.HEAD}.\n")


def test_check_refuses_a_database_without_the_schema(url: str) -> None:
    ended = run("db", "check", "--database-url", url)

    assert ended.exit_code == 2
    assert "db upgrade" in ended.output or "not Jobmon's" in ended.output


def test_check_finds_nothing_in_a_new_database(url: str) -> None:
    run("db", "upgrade", "--database-url", url)

    assert run("db", "check", "--database-url", url).exit_code == 0
    assert json.loads(run("db", "check", "--json", "--database-url", url).output) == []


def test_check_ends_with_1_when_something_is_wrong(url: str) -> None:
    run("db", "upgrade", "--database-url", url)
    database = Database.connect(url, pool_size=1)
    forget_foreign_keys(database)
    database.transact(add_instance, TaskInstanceStatus.RUNNING)
    database.dispose()

    ended = run("db", "check", "--json", "--database-url", url)

    assert ended.exit_code == 1
    assert json.loads(ended.output)


def test_reap_once_ends(url: str, tmp_path: Path) -> None:
    run("db", "upgrade", "--database-url", url)

    ended = run_process(tmp_path, "reap", "--once", "--database-url", url)

    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [["nonsense"], ["serve", "--port", "x"], ["fsm", "--format", "pdf"]])
def test_wrong_use_ends_with_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_a_wrong_setting_ends_with_2_and_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBMON_PORT", "many")

    ended = run("serve")

    assert ended.exit_code == 2
    assert ended.output.startswith("jobmon-server: port: 'many' is not an integer")
