"""What a command sees of `JOBMON_*`: what is meant for it, all of it in one table of the docs, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from jobmon_client import config
from jobmon_client.worker.process.items import LogFiles, WorkItem
from jobmon_client.worker.process.variables import variables
from tests.client.agents import Driven
from tests.house.rules import ROOT

Start = Callable[..., Driven]
ITEM = WorkItem(7, "a", "true", 1, 2, 3, "here:1:7", attempt=2)
PAGE = ROOT / "docs" / "reference" / "environment.md"


def test_the_table_of_the_docs_has_every_variable_and_no_other(tmp_path: Path) -> None:
    told = re.findall(r"^\| `(JOBMON_\w+)` \|", PAGE.read_text(), re.MULTILINE)
    given = variables(ITEM, LogFiles.of(ITEM, tmp_path), "http://localhost:1")
    assert [name.encode() for name in told] == list(given)


def test_a_command_sees_what_is_meant_for_it_and_no_setting_or_secret(
    agent: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBMON_DATABASE_URL", "mysql+pymysql://me:secret@there/db")
    monkeypatch.setenv("JOBMON_TOKEN_FILE", "/some/where")
    monkeypatch.setenv("JOBMON_ATTEMPT", "of an outer command")
    monkeypatch.setenv("JOBMON__THEIRS", "kept")
    monkeypatch.setenv("JOBMONSTER", "kept")

    done = agent().run("env", distributor_id="here:1:1", attempt=2)

    seen = dict(line.split("=", 1) for line in done["stdout_log"].splitlines() if line.startswith("JOBMON"))
    assert (seen.pop("JOBMON__THEIRS"), seen.pop("JOBMONSTER")) == ("kept", "kept")
    given = variables(ITEM, LogFiles.of(ITEM, Path()), "http://localhost:1")
    assert {name.encode() for name in seen} == set(given)
    assert (seen["JOBMON_ATTEMPT"], seen["JOBMON_DISTRIBUTOR_ID"]) == ("2", "here:1:1")
    assert seen["JOBMON_SERVER_URL"].startswith("http://")


def test_a_server_of_our_own_keeps_its_settings_but_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBMON_LOG_LEVEL", "debug")
    monkeypatch.setenv("JOBMON_TOKEN", "secret")
    kept = config.server_environment()
    assert kept["JOBMON_LOG_LEVEL"] == "debug"
    assert "JOBMON_TOKEN" not in kept
