"""The groups of `jobmon` on a real server: look at many, act on many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobmon_client.api.client import Api
from jobmon_client.config import Settings, database_log_dir
from jobmon_client.http import Http
from tests.support.commands import Here
from tests.support.server import LiveServer
from tests.support.waiting import eventually


@pytest.fixture
def api(live_server: LiveServer) -> Iterator[Api]:
    """The client class, for what is said by workers and distributors."""
    with Api(Http(live_server.url, budget=10)) as api:
        yield api


@pytest.fixture
def jobmon(live_server: LiveServer, tmp_path: Path) -> Here:
    """The command line, told where the server is."""
    return Here(tmp_path, live_server.url)


def claimed(api: Api, *names: str) -> dict[str, int]:
    """Bind tasks of a new workflow, have all of them claimed, and return their instances' ids."""
    workflow_id = api.bind_workflow("w")["workflow_id"]
    api.bind_tasks(workflow_id, [{"name": name, "command": "true"} for name in names])
    api.queue_tasks(api.start_run(workflow_id, next_report_increment=600).body["workflow_run_id"])
    (batch,) = api.claim("me", "local", len(names), next_report_increment=600).batches
    return {one["name"]: int(one["task_instance_id"]) for one in batch["task_instances"]}


def running(api: Api, instance_id: int, seconds: float) -> None:
    """Say that a worker runs it, and how soon it speaks again."""
    facts: dict[str, Any] = {"worker_id": "me", "nodename": "here", "process_group_id": 7}
    api.log_running(instance_id, next_report_increment=seconds, **facts)


def facts(said: str) -> dict[str, str]:
    """Names and first lines of what `show` prints."""
    return {line[:14].strip(): line[14:].strip() for line in said.splitlines() if line[:1].strip()}


def test_an_instance_is_shown_with_what_was_and_what_comes(jobmon: Here, api: Api) -> None:
    instance_id = claimed(api, "a")["a"]
    running(api, instance_id, 600)
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


def test_who_asks_for_what_is_not_there_is_told(jobmon: Here) -> None:
    for command in (("instance", "show", 77), ("instance", "journal", 77), ("instance", "errors", 77)):
        ended = jobmon(*command)
        assert (ended.returncode, ended.stdout) == (2, ""), command


def bound(api: Api, name: str, *tasks: str, **facts: object) -> list[int]:
    """A new workflow with these tasks; their ids."""
    workflow_id = api.bind_workflow(name)["workflow_id"]
    made = [{"name": task, "command": "true", **facts} for task in tasks]
    return [int(one) for one in api.bind_tasks(workflow_id, made)["task_ids"]]


def test_tasks_are_listed_counted_and_summed_up_by_the_same_filters(jobmon: Here, api: Api) -> None:
    first = bound(api, "one", "a-1", "a-2", "b", attributes={"team": "blue"})
    second = bound(api, "two", "a-1")
    jobmon("task", "pause", first[0])
    names = ("--name", "a-*")
    assert [one["task_id"] for one in jobmon.json("task", "list", *names)["tasks"]] == [
        *second,
        *first[1::-1],
    ]
    assert jobmon.json("task", "count", *names) == {"count": 3}
    assert jobmon("task", "count", "--attr", "team=blue", "--workflow", 1).stdout == "3\n"
    groups = jobmon.json("task", "summary", *names)["groups"]
    assert {one["status"]: one["count"] for one in groups} == {"REGISTERING": 2, "PAUSED": 1}
    table = jobmon("task", "summary", "--by", "name,workflow_id", "--workflow", 2).stdout
    assert [line.split() for line in table.splitlines()] == [
        ["NAME", "WORKFLOW_ID", "COUNT"],
        ["a-1", "2", "1"],
    ]
    shown = jobmon("task", "list", "--sort", "-name,task_id", "--fields", "name,task_id", "--limit", 2).stdout
    assert [line.split() for line in shown.splitlines()] == [
        ["NAME", "TASK_ID"],
        ["b", str(first[2])],
        ["a-2", str(first[1])],
    ]
    page = jobmon.json("task", "list", "--sort", "task_id", "--limit", 3, "--page", 2)
    assert [one["task_id"] for one in page["tasks"]] == second
    assert [one["name"] for one in jobmon.json("workflow", "list", "--task", second[0])["workflows"]] == [
        "two"
    ]
    assert jobmon("workflow", "list").stdout.splitlines()[1].split()[:3] == ["2", "REGISTERED", "0/1"]


def test_a_word_that_is_none_is_a_usage_error_that_names_the_allowed(jobmon: Here) -> None:
    for wrong in (
        ("--status", "GONE"),
        ("--fields", "gone"),
        ("--sort", "gone"),
        ("--where", "gone", "eq", "1"),
    ):
        ended = jobmon("task", "list", *wrong)
        assert (ended.returncode, ended.stdout) == (2, ""), wrong
        assert "must be" in ended.stderr, wrong


def test_an_act_on_many_is_shown_first_and_done_if_it_is_still_that(jobmon: Here, api: Api) -> None:
    ids = bound(api, "w", "a", "b", "c")
    shown = jobmon.json("task", "pause", "--workflow", 1, "--dry-run")
    assert (shown["matched"], shown["applied"]) == (3, 0)
    assert {one["would_be"] for one in shown["preview"]} == {"PAUSED"}
    assert "WOULD BE" in jobmon("task", "pause", "--workflow", 1, "--dry-run").stdout
    api.act("task", ids[0], "pause")
    late = jobmon("task", "pause", "--workflow", 1, "--digest", shown["digest"])
    assert (late.returncode, late.stdout) == (1, "")
    assert jobmon.json("task", "count", "--status", "PAUSED")["count"] == 1
    done = jobmon.json("task", "pause", "--workflow", 1, "--reason", "enough")
    assert done["task_ids"] == ids[1:]
    assert jobmon("task", "play", "--all", "--max-limit", 2).returncode == 1
    assert jobmon("task", "play", "--all", "--max-limit", 3).stdout == "play: 3 tasks changed, 3 matched\n"
    refused = jobmon("task", "play", ids[0], 77)
    assert refused.returncode == 1
    assert "task 77 was not changed" in refused.stderr
    assert jobmon("workflow", "pause", 1).stdout == "pause: 1 workflow changed, 1 matched\n"


def test_everything_is_meant_only_by_who_says_so(jobmon: Here, api: Api) -> None:
    bound(api, "w", "a")
    assert jobmon("task", "stop").returncode == 2
    assert jobmon("workflow", "delete", "--yes").returncode == 2
    assert jobmon.json("task", "stop", "--id", "")["applied"] == 0
    assert jobmon.json("task", "count", "--status", "REGISTERING")["count"] == 1


def test_properties_and_attributes_are_changed(jobmon: Here, api: Api) -> None:
    (task_id,) = bound(api, "w", "a", requested_resources={"memory": 1, "cores": 2})
    jobmon("task", "set", task_id, "--set", "queue=long", "--set", "requested_resources.memory=64")
    jobmon("task", "attributes", task_id, "--set", "team=red", "--set", "gone=1")
    assert jobmon("task", "attributes", task_id, "--unset", "gone").returncode == 0
    jobmon("workflow", "attributes", 1, "--set", 'where={"a": [1]}')
    found = jobmon.json("task", "show", task_id)
    assert (found["queue"], found["requested_resources"]) == ("long", {"memory": 64, "cores": 2})
    assert found["attributes"] == {"team": "red"}
    assert jobmon.json("workflow", "show", 1)["attributes"] == {"where": {"a": [1]}}
    assert "TEAM" not in jobmon("task", "show", task_id).stdout
    assert jobmon("task", "attributes", task_id).returncode == 2


def test_what_is_forced_or_deleted_asks_first(jobmon: Here, api: Api) -> None:
    instance_id = claimed(api, "a", "b")["a"]
    api.log_error_worker_node(instance_id, worker_id="me", error_state="ERROR_FATAL", error_description="no")
    task_id = api.task_instance(instance_id)["task_id"]
    force = ("task", "force-status", "done", task_id, "--reason", "by hand")
    ended = jobmon(*force)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "--yes" in ended.stderr
    assert jobmon.json(*force, "--yes")["task_ids"] == [task_id]
    assert jobmon.json("task", "show", task_id)["status"] == "DONE"
    assert jobmon("task", "delete", task_id).returncode == 2
    assert jobmon.json("task", "delete", task_id, "--dry-run")["matched"] == 1
    assert jobmon.json("task", "delete", task_id, "--yes")["task_ids"] == [task_id]
    assert jobmon("workflow", "delete", 1).returncode == 2
    assert jobmon.json("workflow", "delete", 1, "--dry-run")["preview"][0]["workflow_id"] == 1
    alive = jobmon("workflow", "delete", 1, 77, "--yes")
    assert (alive.returncode, alive.stdout) == (1, "delete: 0 workflows deleted, 1 matched\n")
    assert "jobmon: workflow 1 was not deleted: " in alive.stderr
    assert jobmon("workflow", "show", 1).returncode == 0


def test_a_list_marks_what_is_overdue(jobmon: Here, api: Api) -> None:
    ids = claimed(api, "a", "b")
    running(api, ids["a"], 0.1)
    running(api, ids["b"], 600)
    eventually(lambda: api.task_instance(ids["a"])["status"] == "TRIAGING")
    shown = jobmon("instance", "list", "-v", "--sort", "name")
    heads, ailing, well = shown.stdout.splitlines()
    assert "DEADLINE" in heads
    assert heads.endswith("NAME  NOTE")
    assert ailing.split()[-2:] in (["a", "silent"], ["a", "overdue"])
    assert well.split()[-1] == "b"
    api.log_error_worker_node(ids["b"], worker_id="me", error_state="ERROR", error_description="no")
    assert jobmon("task", "list", "--name", "b").stdout.splitlines()[1].endswith("b     failed, tries again")


def test_running_instances_are_told_what_to_do(jobmon: Here, api: Api) -> None:
    ids = claimed(api, "a", "b")
    for instance_id in ids.values():
        running(api, instance_id, 600)
    told = jobmon.json("instance", "command", "kill", "--workflow", 1, "--dry-run")
    assert sorted(told["task_instance_ids"]) == sorted(ids.values())
    assert jobmon("instance", "command", "kill", "--workflow", 1, "--max-limit", 1).returncode == 2
    signal = ("instance", "command", "signal", "--argument", "signal=SIGUSR1")
    assert jobmon(*signal, ids["a"]).stdout == "signal: 1 task instance will be told\n"
    assert jobmon.json("instance", "command", "kill", "--name", "b")["applied"] == 1
    (command,) = jobmon.json("instance", "commands", ids["a"])["commands"]
    assert (command["command"], command["arguments"]) == ("signal", {"signal": "SIGUSR1"})
    assert jobmon("instance", "commands", ids["b"]).stdout.splitlines()[1].split()[1:3] == ["kill", "QUEUED"]
    api.log_done(ids["a"], worker_id="me")
    late = jobmon(*signal, ids["a"])
    assert (late.returncode, late.stdout) == (1, "signal: 0 task instances will be told\n")
    assert f"task instance {ids['a']} is not told: " in late.stderr
    assert jobmon("instance", "command", "signal", ids["b"]).returncode == 2


def test_what_a_worker_measured_is_listed(jobmon: Here, api: Api) -> None:
    instance_id = claimed(api, "a")["a"]
    running(api, instance_id, 600)
    name = api.metric_names()["names"][0]
    api.log_report_by(instance_id, worker_id="me", next_report_increment=600, metrics={name: 2.5})
    (value,) = jobmon.json("instance", "metrics", instance_id, "--name", name)["metrics"]
    assert (value["name"], value["value"]) == (name, 2.5)
    assert jobmon("instance", "metrics", instance_id).stdout.splitlines()[1].split()[1:] == [name, "2.5"]


def test_who_waits_is_told_how_it_ended(jobmon: Here, api: Api) -> None:
    first, second = bound(api, "w", "a", "b")
    assert jobmon("task", "wait", first, "--timeout", 0.1).stdout == f"task {first} is REGISTERING still\n"
    jobmon("task", "stop", first, second)
    assert jobmon.json("task", "wait", first, code=1)["status"] == "STOPPED"
    ended = jobmon("workflow", "wait", 1)
    assert (ended.returncode, ended.stdout) == (1, "workflow 1 is STOPPED\n")
    assert jobmon.json("task", "position", first) == {"task_id": first, "ahead": 0, "total_active": 0}
    assert jobmon("task", "position", first).stdout == "0 ahead, 0 active\n"
    assert jobmon("task", "position", 77).returncode == 2
    assert jobmon.json("workflow", "callbacks", 1)["callbacks"] == []
    assert jobmon("workflow", "callbacks", 1).stdout.startswith("ID  WORKFLOW STATUS")


def test_files_go_with_their_workflow_where_they_lie(
    jobmon: Here, api: Api, live_server: LiveServer, tmp_path: Path
) -> None:
    logs = database_log_dir(Settings(log_dir=tmp_path / "jobmon" / "logs"), live_server.url)
    logs.mkdir(parents=True)
    here, elsewhere = logs / "a.out", tmp_path / "a.err"
    for file in (here, elsewhere):
        file.write_text("said")
    instance_id = claimed(api, "a")["a"]
    facts: dict[str, Any] = {"worker_id": "me", "stdout": str(here), "stderr": str(elsewhere)}
    api.log_running(instance_id, nodename="x", process_group_id=7, next_report_increment=600, **facts)
    api.log_done(instance_id, worker_id="me")
    ended = jobmon("workflow", "delete", "--status", "done", "--files", "--yes")
    assert ended.stdout == "delete: 1 workflow deleted, 1 matched\nfiles: 1 refused, 1 removed\n"
    assert f"jobmon: {elsewhere} is left: is not below {logs}" in ended.stderr
    assert (here.exists(), elsewhere.exists()) == (False, True)
    assert jobmon("workflow", "show", 1).returncode == 2
