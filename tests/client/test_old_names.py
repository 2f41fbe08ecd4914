"""Every import that the docs have shown works: at once where nothing moved, with a warning where it did."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

#: Where a name was, and where it is.
MOVED = {
    "jobmon_client.workflow": ("jobmon_client", ("Task", "Workflow", "resume", "wait")),
    "jobmon_client.api": ("jobmon_client.api.client", ("Api",)),
    "jobmon_client.submit": ("jobmon_client.running.submission", ("Submitted", "submit")),
    "jobmon_client.connection": ("jobmon_client.running.connection", ("Connection", "connected")),
    "jobmon_client.background": ("jobmon_client", ("Running", "StillRunning")),
    "jobmon_client.removal": (
        "jobmon_client.running.log_removal",
        ("FileOutcome", "RemovedFile", "files_of", "remove_files"),
    ),
    "jobmon_server.inprocess": ("jobmon_server.serving.inprocess", ("Server",)),
}
KEPT = {
    "jobmon_client.http": ("Http",),
    "jobmon_client.config": ("agent_environment",),
    "jobmon_client.conformance": ("ClusterConformance",),
    "jobmon_client.clusters.base": ("Batch", "Cluster", "ClusterContext", "ExitInfo", "Item"),
    "jobmon_client.errors": ("ClusterError",),
    "jobmon_client.states": ("TaskInstanceStatus", "TaskStatus", "WorkflowStatus"),
}


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [(old, new, name) for old, (new, names) in MOVED.items() for name in names],
)
def test_a_name_that_moved_is_found_at_its_old_place_with_a_warning(old: str, new: str, name: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"{old}.{name} has moved: import {name} from {new}"):
        found = getattr(import_module(old), name)
    assert found is getattr(import_module(new), name)


@pytest.mark.parametrize("old", MOVED)
def test_what_never_was_at_an_old_place_is_not_found_there(old: str) -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        import_module(old).nothing  # noqa: B018 - the look itself


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in KEPT.items() for name in names]
)
def test_a_name_that_did_not_move_is_found_without_a_warning(module: str, name: str) -> None:
    assert getattr(import_module(module), name).__name__ == name


def test_an_old_place_imports_what_it_points_to_when_it_is_asked() -> None:
    code = (
        "import sys, jobmon_client.workflow as old\n"
        "assert 'jobmon_client.running.workflow' not in sys.modules\n"
        "old.Workflow\n"
        "assert 'jobmon_client.running.workflow' in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], check=False, capture_output=True, text=True, timeout=55
    )
    assert done.returncode == 0, done.stderr


def test_the_import_that_was_shown_is_the_line_that_is_warned_of() -> None:
    code = "from jobmon_client.workflow import Workflow"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], check=False, capture_output=True, text=True, timeout=55
    )
    assert done.returncode == 1
    assert "DeprecationWarning: jobmon_client.workflow.Workflow has moved" in done.stderr


def test_a_renamed_class_is_found_by_its_old_name() -> None:
    from jobmon_client.running.template import Template

    with pytest.warns(DeprecationWarning, match="TaskTemplate has moved: import Template from jobmon_client"):
        found = import_module("jobmon_client.workflow").TaskTemplate
    assert found is Template


def test_submit_can_be_called_whether_or_not_its_old_module_was_imported() -> None:
    code = (
        "import jobmon_client.submit\n"
        "from jobmon_client import InvalidDefinition, submit\n"
        "try:\n"
        "    submit([])\n"
        "except InvalidDefinition as error:\n"
        "    assert 'there is no task' in str(error)\n"
        "else:\n"
        "    raise AssertionError\n"
    )
    for program in (code, code.partition("\n")[2]):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            check=False,
            capture_output=True,
            text=True,
            timeout=55,
        )
        assert done.returncode == 0, done.stderr
