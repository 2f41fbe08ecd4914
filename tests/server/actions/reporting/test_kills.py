"""A server process that is killed while it writes a report: all of the report is there, or nothing of it."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Any

import pytest

from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from tests.support.dying.server import DONE
from tests.support.path import Path, task

FACTS = ("status", "stdout", "usage", "result", "report_by")


def facts(path: Path, one: int) -> tuple[Any, ...]:
    """What the report says, as far as it is written, with the task's status and the journal."""
    instance = path.instance(one)
    return (*(instance[name] for name in FACTS), path.status("a"), path.journal(one))


def die(database_url: str, one: int, point: str) -> None:
    command = [sys.executable, "-m", "tests.support.dying.server", database_url, str(one), point]
    dead = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert dead.returncode == -signal.SIGKILL, dead.stderr


@pytest.mark.parametrize("point", ["1", "2", "3", "4"])
def test_a_report_cut_off_by_a_kill_has_changed_nothing(
    path: Path, database: Database, database_url: str, point: str
) -> None:
    one = path.bind(task("a")).start().run_one()
    before = facts(path, one)
    die(database_url, one, point)
    assert facts(path, one) == before
    assert path.done(one).get_json()["outcome"] == "applied"
    assert database.read(check) == []


def test_a_report_whose_commit_was_done_is_there_with_all_its_fields(
    path: Path, database: Database, database_url: str
) -> None:
    one = path.bind(task("a")).start().run_one()
    die(database_url, one, "commit")
    said = tuple(DONE[name] for name in ("stdout", "usage", "result"))
    assert facts(path, one)[:4] == ("DONE", *said)
    assert path.status("a") == "DONE"
    assert path.journal(one)[-1] == ("RUNNING", "DONE", "applied")
    assert path.done(one).get_json()["outcome"] == "duplicate"
    assert database.read(check) == []
