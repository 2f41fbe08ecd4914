"""What `from jobmon_client import ...` gives: found when it is asked for, and typed."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import jobmon_client
from jobmon_client.config import Settings
from jobmon_client.setting_checks import KNOWN, SettingKeywords
from jobmon_client.spec.definition import EXECUTION_FIELDS, SHARED_FIELDS, WORKFLOW_FIELDS
from jobmon_client.spec.keywords import TaskDefaults, TaskKeywords
from tests.house.rules import ROOT
from tests.support.server import environment

#: What `run` and the like take by a keyword of their own.
OWN_KEYWORDS = {"server_url", "concurrency"}

USER = """
from jobmon_client import (
    InvalidDefinition, JobmonError, Result, Running, StillRunning, Submitted, Task, TaskError, TaskLogs, Template,
    Workflow, WorkflowFailed, resume, submit, wait,
)


def make() -> Workflow:
    workflow = Workflow("study", max_attempts=3, lost_contact="stop", environment={"A": "b"})
    first: Task = workflow.task("first", "true", priority=5, retry_delay={"seconds": 1.5, "factor": 2})
    fit: Template = workflow.template("fit", "fit --year {year}", cluster="local", requested_resources={"memory": 1})
    fits: list[Task] = fit.expand(year=range(3), upstream=first)
    workflow.task("last", "true", upstream=[fits, "first"])
    return workflow


def drive() -> int:
    try:
        result: Result = make().run(concurrency=2, progress=False, retry_budget=5.0)
        result.raise_for_failure()
    except InvalidDefinition as error:
        return len(error.problems)
    except WorkflowFailed as error:
        errors: tuple[TaskError, ...] = error.result.errors
        return errors[0].attempt
    except JobmonError:
        return 1
    running: Running = make().start()
    try:
        running.wait(timeout=1.0)
    except StillRunning:
        running.stop()
    submitted: Submitted = submit(make(), wait=1.0)
    again: Result = resume(submitted.workflow_id, hot=True)
    over: Result = wait(submitted.workflow_id, timeout=2.0)
    logs: TaskLogs = make().task("x", "true").logs()
    return len(logs.stdout) + int(again.ok and over.ok)
"""
WRONG = """
from jobmon_client import Nothing, Workflow

Workflow("w", max_attempt=3)
Workflow("w").task("t", "true", priority="high")
Workflow("w").task("t", "true", lost_contact="go on")
Workflow("w").run(retry_budgets=1.0)
"""


def imported_for_types() -> set[str]:
    """The names that type checkers see."""
    tree = ast.parse(Path(jobmon_client.__file__).read_text())
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    return {
        alias.asname or alias.name
        for block in blocks
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@pytest.mark.parametrize("name", jobmon_client.__all__)
def test_a_public_name_is_found(name: str) -> None:
    found = getattr(import_module("jobmon_client"), name)
    assert found.__name__.rpartition(".")[2] == name
    assert name in dir(jobmon_client)


def test_type_checkers_see_the_same_names() -> None:
    assert imported_for_types() == set(jobmon_client.__all__)


def test_what_is_not_public_is_not_found() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        jobmon_client.nothing  # type: ignore[attr-defined]  # noqa: B018 - the look itself


def test_nothing_is_imported_before_a_name_is_used() -> None:
    code = (
        "import sys, jobmon_client; print(*[one for one in sys.modules if one.startswith('jobmon_client.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""


def test_the_keywords_of_tasks_are_the_fields_of_tasks() -> None:
    assert set(TaskKeywords.__annotations__) == set(SHARED_FIELDS)
    own = {*WORKFLOW_FIELDS, *EXECUTION_FIELDS}
    assert set(TaskDefaults.__annotations__) == set(SHARED_FIELDS) - own


def test_the_keywords_of_settings_are_the_settings() -> None:
    assert set(SettingKeywords.__annotations__) == set(KNOWN) - OWN_KEYWORDS
    assert set(KNOWN) == set(Settings.__dataclass_fields__) - {"origins"}


def mypy(directory: Path, program: str) -> list[str]:
    """What mypy in its strict mode says of a user's program; an editable install has no files for it to find."""
    (directory / "user.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "user.py"],
        cwd=directory, env=environment(MYPYPATH=str(ROOT)), check=False, capture_output=True, text=True,
    )  # fmt: skip
    return [line for line in done.stdout.splitlines() if line.startswith("user.py") and "error:" in line]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_users_program_is_checked_strictly_and_its_mistakes_are_found(tmp_path: Path) -> None:
    assert all(f" {name}" in USER or f"{name}," in USER for name in jobmon_client.__all__)
    assert mypy(tmp_path, USER) == []
    wrong = mypy(tmp_path, WRONG)
    assert [line.split(":")[1] for line in wrong] == ["2", "4", "5", "6", "7"], wrong
