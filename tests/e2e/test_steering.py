"""`jobmon pause | play | stop | retry | rerun` on a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobmon_client.api.client import Api
from jobmon_client.http import Http
from tests.support.commands import Jobmon
from tests.support.server import LiveServer

NAMES = ("a", "b", "c")


@pytest.fixture
def jobmon(live_server: LiveServer, tmp_path: Path) -> Jobmon:
    """The command line, told where the server is."""
    return Jobmon(tmp_path, live_server.database_url, {"JOBMON_SERVER_URL": live_server.url})


@pytest.fixture
def task_ids(live_server: LiveServer) -> list[int]:
    """Three tasks of workflow 1, each after the one before."""
    api = Api(Http(live_server.url, budget=10))
    workflow_id = api.bind_workflow("w")["workflow_id"]
    upstreams = [[], *([name] for name in NAMES[:-1])]
    tasks = [
        {"name": name, "command": "true", "upstream": above}
        for name, above in zip(NAMES, upstreams, strict=True)
    ]
    bound = api.bind_tasks(workflow_id, tasks)["task_ids"]
    api.close()
    return [int(one) for one in bound]


def test_a_workflow_is_paused_played_and_stopped(jobmon: Jobmon, task_ids: list[int]) -> None:
    assert jobmon.json("pause", 1)["task_ids"] == task_ids
    assert jobmon.json("status", 1)["tasks"] == {"PAUSED": 3}
    assert jobmon.json("pause", 1) | {"outcomes": []} == {"applied": 0, "task_ids": [], "outcomes": []}
    assert jobmon("play", 1).stdout == "play: 3 tasks changed\n"
    assert jobmon.json("stop", 1, "--yes", "--reason", "enough")["applied"] == 3
    assert jobmon.json("status", 1)["status"] == "STOPPED"


def test_some_tasks_are_stopped_and_one_is_run_again(jobmon: Jobmon, task_ids: list[int]) -> None:
    first, second, _ = task_ids
    assert jobmon.json("stop", "--task", first, "--task", second)["task_ids"] == [first, second]
    assert jobmon.json("rerun", "--task", first, "--cascade")["task_ids"] == [first]
    assert jobmon.json("status", 1)["tasks"] == {"REGISTERING": 2, "STOPPED": 1}


def test_what_is_refused_is_said_with_the_statuses_that_are_taken(
    jobmon: Jobmon, task_ids: list[int]
) -> None:
    jobmon("stop", "--task", task_ids[0])
    ended = jobmon("retry", "--task", task_ids[0])
    assert (ended.returncode, ended.stdout) == (1, "retry: 0 tasks changed\n")
    assert "STOPPED" in ended.stderr
    said = jobmon.json("retry", "--task", task_ids[0], "--task", 77, code=1)
    assert {one["outcome"] for one in said["outcomes"]} == {"invalid", "unknown"}


def test_the_stop_of_a_workflow_asks_first(jobmon: Jobmon, task_ids: list[int]) -> None:
    for command in (("stop", 1), ("workflow", "stop", 1)):
        ended = jobmon(*command)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert "--yes" in ended.stderr
    assert jobmon.json("status", 1)["tasks"] == {"REGISTERING": len(task_ids)}
    assert jobmon("workflow", "stop", 1, "--yes").returncode == 0
    assert jobmon.json("status", 1)["status"] == "STOPPED"


def test_a_rerun_asks_only_where_it_undoes_what_is_done(
    jobmon: Jobmon, task_ids: list[int], live_server: LiveServer
) -> None:
    first, second, _ = task_ids
    assert jobmon("rerun", "--task", second).returncode == 0
    done(live_server, first)
    for command in (
        ("rerun", 1),
        ("rerun", "--task", first),
        ("task", "rerun", first),
        ("workflow", "rerun", 1),
    ):
        ended = jobmon(*command)
        assert (ended.returncode, ended.stdout) == (2, ""), command
        assert "--yes" in ended.stderr
    assert jobmon.json("status", 1)["tasks"]["DONE"] == 1
    assert jobmon.json("rerun", "--task", first, "--yes")["task_ids"] == [first]


def done(server: LiveServer, task_id: int) -> None:
    """Run a task of workflow 1 to its end."""
    api = Api(Http(server.url, budget=10))
    run = api.start_run(1, next_report_increment=60).body["workflow_run_id"]
    (one,) = [one for batch in api.queue_tasks(run) for one in batch["task_instance_ids"]]
    assert api.task_instance(one)["task_id"] == task_id
    api.instantiate("d", [one], next_report_increment=60)
    api.log_running(one, worker_id="w", next_report_increment=60, nodename="n", process_group_id=1)
    api.log_done(one, worker_id="w")
    api.close()


def test_after_a_stop_the_way_back_is_said_and_goes(jobmon: Jobmon, task_ids: list[int]) -> None:
    jobmon("stop", 1, "--yes")
    for command in (("retry", 1), ("resume", 1)):
        ended = jobmon(*command)
        assert ended.returncode == 1
        assert "Workflow 1 is STOPPED with 3 tasks not done" in ended.stderr
        assert "jobmon rerun 1 --status STOPPED" in ended.stderr
    assert "Cannot retry STOPPED tasks; use rerun." in jobmon("retry", "--task", task_ids[0]).stderr
    assert jobmon.json("rerun", 1, "--status", "STOPPED")["applied"] == 3


def test_what_to_act_on_is_said_exactly_once(jobmon: Jobmon, task_ids: list[int]) -> None:
    for arguments in ((), (1, "--task", task_ids[0])):
        ended = jobmon("stop", *arguments)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert "either" in ended.stderr
    assert jobmon("rerun", 1, "--cascade").returncode == 2
    assert jobmon("stop", 77, "--yes").returncode == 2


def test_limits_are_changed_and_said(jobmon: Jobmon, task_ids: list[int]) -> None:
    assert jobmon("limit", 1, 5).stdout == "workflow 1: at most 5 at once\n"
    assert jobmon.json("status", 1)["max_concurrently_running"] == 5
    assert jobmon.json("limit", 1, "none")["max_concurrently_running"] is None
    assert jobmon.json("limit", 1, 0, "--array", "")["arrays"] == [
        {"name": "", "max_concurrently_running": 0}
    ]
    for bad in (("limit", 1, -1), ("limit", 1, "many"), ("limit", 1, 3, "--array", "x"), ("limit", 77, 1)):
        assert jobmon(*bad).returncode == 2, bad
    assert len(task_ids) == 3


def test_what_queues_have_at_most_is_set_and_listed(jobmon: Jobmon) -> None:
    jobmon("queue", "set", "local", "long", "memory=64", "time_limit=0.5")
    assert jobmon.json("queue", "list")["queues"] == [
        {"cluster": "local", "queue": "long", "maximum": {"memory": 64, "time_limit": 0.5}}
    ]
    assert jobmon("queue", "list").stdout.splitlines()[1].split(maxsplit=2)[2] == "memory=64, time_limit=0.5"
    assert jobmon("queue", "set", "local", "long", "memory").returncode == 2
    jobmon("queue", "set", "local", "long")
    assert jobmon.json("queue", "list", "--cluster", "local")["queues"] == []
