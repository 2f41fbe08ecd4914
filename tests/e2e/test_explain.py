"""`jobmon explain` on a real server: text to be read, and the object."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobmon_client.api.client import Api
from jobmon_client.http import Http
from tests.support.commands import Jobmon
from tests.support.server import LiveServer


@pytest.fixture
def claimed(live_server: LiveServer) -> int:
    """A task instance that a distributor holds."""
    api = Api(Http(live_server.url, budget=10))
    workflow_id = api.bind_workflow("w")["workflow_id"]
    api.bind_tasks(workflow_id, [{"name": "a\x1b[31m", "command": "true"}])
    api.queue_tasks(api.start_run(workflow_id, next_report_increment=60).body["workflow_run_id"])
    (batch,) = api.claim("me", "local", 1, next_report_increment=60).batches
    api.close()
    return int(batch["task_instances"][0]["task_instance_id"])


@pytest.fixture
def jobmon(live_server: LiveServer, tmp_path: Path) -> Jobmon:
    """The command line, told where the server is."""
    return Jobmon(tmp_path, live_server.database_url, {"JOBMON_SERVER_URL": live_server.url})


def test_it_is_short_plain_text(jobmon: Jobmon, claimed: int) -> None:
    ended = jobmon("explain", claimed)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0].startswith(f"Task instance {claimed} is INSTANTIATED since ")
    assert "  held by   distributor me (cluster local)" in lines
    assert any("(a\\x1b[31m) is INSTANTIATING, 1 of 3 attempts used" in line for line in lines)
    assert any(line.startswith("Next: The reaper moves it to NO_DISTRIBUTOR_ID;") for line in lines)
    assert "    log_distributor_id (distributor): applied, its task LAUNCHED" in lines
    assert "    its deadline (reaper): not yet, its deadline must have passed" in lines
    assert lines[-1].endswith("QUEUED → INSTANTIATED applied, by distributor me")


def test_the_object_is_the_servers(jobmon: Jobmon, claimed: int) -> None:
    said = jobmon.json("explain", claimed)
    assert (said["task_instance_id"], said["status"]) == (claimed, "INSTANTIATED")
    assert [row["to"] for row in said["decisions"]] == ["QUEUED", "INSTANTIATED"]


def test_an_unknown_instance_is_a_usage_error(jobmon: Jobmon) -> None:
    ended = jobmon("explain", 404)
    assert (ended.returncode, ended.stdout) == (2, "")
