"""The groups of `jobmon` on a real server: look at many, act on many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobmon_client.api import Api
from jobmon_client.http import Http
from tests.support.commands import Jobmon
from tests.support.server import LiveServer


@pytest.fixture
def api(live_server: LiveServer) -> Iterator[Api]:
    """The client class, for what is said by workers and distributors."""
    with Api(Http(live_server.url, budget=10)) as api:
        yield api


@pytest.fixture
def jobmon(live_server: LiveServer, tmp_path: Path) -> Jobmon:
    """The command line, told where the server is."""
    return Jobmon(tmp_path, live_server.database_url, {"JOBMON_SERVER_URL": live_server.url})


def claimed(api: Api, *names: str) -> dict[str, int]:
    """Bind tasks of a new workflow, have all of them claimed, and return their instances' ids."""
    workflow_id = api.bind_workflow("w")["workflow_id"]
    api.bind_tasks(workflow_id, [{"name": name, "command": "true"} for name in names])
    api.queue_tasks(api.start_run(workflow_id, next_report_increment=600).body["workflow_run_id"])
    (batch,) = api.claim("me", "local", len(names), next_report_increment=600).batches
    return {one["name"]: int(one["task_instance_id"]) for one in batch["task_instances"]}


def facts(said: str) -> dict[str, str]:
    """Names and first lines of what `show` prints."""
    return {line[:14].strip(): line[14:].strip() for line in said.splitlines() if line[:1].strip()}


def test_an_instance_is_shown_with_what_was_and_what_comes(jobmon: Jobmon, api: Api) -> None:
    instance_id = claimed(api, "a")["a"]
    api.log_running(
        instance_id, worker_id="me", nodename="here", process_group_id=7, next_report_increment=600
    )
    shown = jobmon("instance", "show", instance_id)
    said = facts(shown.stdout)
    assert (said["STATUS"], said["BEFORE"]) == ("RUNNING", "INSTANTIATED"), shown
    assert said["NEXT"].startswith("The reaper moves it to TRIAGING")
    assert "LAST ERROR" not in said
    api.log_error_worker_node(instance_id, worker_id="me", error_state="ERROR", error_description="no\nwind")
    said = facts(jobmon("instance", "show", instance_id).stdout)
    assert (said["STATUS"], said["BEFORE"]) == ("ERROR", "RUNNING")
    assert said["LAST ERROR"].endswith("by the worker:")
    whole = jobmon.json("instance", "show", instance_id)
    assert whole["last_error"]["description"] == "no\nwind"
    assert [row["to"] for row in jobmon.json("instance", "journal", instance_id)["journal"]] == [
        "QUEUED",
        "INSTANTIATED",
        "RUNNING",
        "ERROR",
    ]
    assert jobmon("instance", "journal", instance_id).stdout.count("\n") == 4
    assert jobmon("instance", "errors", instance_id).stdout.endswith("by the worker: no\nwind\n")
    assert len(jobmon.json("instance", "errors", instance_id)["errors"]) == 1


def test_who_asks_for_what_is_not_there_is_told(jobmon: Jobmon) -> None:
    for command in (("instance", "show", 77), ("instance", "journal", 77), ("instance", "errors", 77)):
        ended = jobmon(*command)
        assert (ended.returncode, ended.stdout) == (2, ""), command
