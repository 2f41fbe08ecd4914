"""Acts on many tasks, on what is below a task, on what waits; and what operators ask before they act."""

from __future__ import annotations

from typing import Any

import pytest

from jobmon_client.states import TaskStatus
from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from jobmon_server.fsm.acts import ACTS
from jobmon_server.fsm.task_instance import TASK_INSTANCE
from tests.support.path import Path, task
from tests.support.situations import into

CHAIN = (task("a"), task("b", "a"), task("c", "b"), task("beside"))


def run(path: Path, *names: str) -> None:
    """Run these tasks to DONE, one after the other, whatever else is ready."""
    for name in names:
        one = {path.instance(one)["name"]: one for one in path.queue()}.get(name) or current(path, name)
        path.claim([one])
        path.running(one)
        assert path.done(one).get_json()["outcome"] == "applied"


def current(path: Path, name: str) -> int:
    return int(path.get(f"/task/{path.task_ids[name]}")["task_instance_ids"][-1])


def statuses(path: Path) -> dict[str, str]:
    return {row["name"]: row["status"] for row in path.get(f"/workflow/{path.workflow_id}/tasks")["tasks"]}


def foresee(path: Path, **supposed: str | None) -> Any:
    named = {str(path.task_ids[name]): status for name, status in supposed.items()}
    reply = path.post(f"/workflow/{path.workflow_id}/preview", task_statuses=named)
    assert reply.status_code == 200, reply.get_json()
    return reply.get_json()["would_be"]


def test_an_act_tells_which_tasks_it_changed(path: Path) -> None:
    path.bind(*CHAIN).start()
    path.act("stop", "b")
    others = sorted(path.task_ids[name] for name in ("a", "c", "beside"))
    assert path.act("pause") | {"status": ""} == {
        "outcome": "applied",
        "status": "",
        "applied": 3,
        "task_ids": others,
        "hold_changed": True,
    }
    assert path.act("pause")["task_ids"] == []


@pytest.mark.parametrize("verb", ["pause", "play", "retry"])
def test_a_refused_act_names_the_statuses_that_it_takes(path: Path, verb: str) -> None:
    path.bind(task("a"), task("b", "a")).start()
    path.run_one()
    said = path.act(verb, "a")
    (detail,) = said["error"]["details"]
    assert said["outcome"] == "invalid"
    assert detail["field"] == "status"
    assert detail["problem"].endswith(", ".join(sorted(ACTS[verb].sources)))


def test_a_refused_report_names_the_statuses_it_could_come_from(path: Path) -> None:
    path.bind(task("a")).start()
    (one,) = path.queue()
    details = path.done(one).get_json()["error"]["details"]
    assert details[0]["problem"] == f"must be one of: {', '.join(sorted(TASK_INSTANCE.sources(_done())))}"


def _done() -> Any:
    return TASK_INSTANCE.statuses["DONE"]


def test_an_act_on_many_tasks_answers_for_each(path: Path, database: Database) -> None:
    path.bind(*CHAIN).start()
    first, first_workflow = dict(path.task_ids), path.workflow_id
    path.bind(task("other")).start()
    path.act("stop", "other")
    asked = [first["a"], 999_999, path.task_ids["other"], first["c"], first["a"]]
    reply = path.post("/task/stop", task_ids=asked, reason="enough")
    body = reply.get_json()
    assert (reply.status_code, body["applied"], body["matched"], body["left"]) == (200, 2, 3, 0)
    assert body["task_ids"] == [first["a"], first["c"]]
    assert body["outcomes"] == [
        {"task_id": 999_999, "outcome": "unknown", "status": None, "problem": None},
        {"task_id": path.task_ids["other"], "outcome": "duplicate", "status": "STOPPED", "problem": None},
    ]
    path.workflow_id = first_workflow
    assert statuses(path) == {"a": "STOPPED", "b": "REGISTERING", "c": "STOPPED", "beside": "REGISTERING"}
    assert database.read(check) == []


def test_an_empty_list_of_tasks_changes_nothing(path: Path) -> None:
    path.bind(*CHAIN)
    body = path.post("/task/stop", task_ids=[]).get_json()
    assert body | {"digest": ""} == {
        "applied": 0,
        "matched": 0,
        "digest": "",
        "left": 0,
        "task_ids": [],
        "outcomes": [],
    }
    assert set(statuses(path).values()) == {"REGISTERING"}


def test_without_a_list_of_tasks_an_act_on_many_is_refused(path: Path) -> None:
    reply = path.post("/task/stop", reason="all?")
    assert (reply.status_code, reply.get_json()["error"]["details"][0]["field"]) == (422, "task_ids")


def test_many_more_tasks_than_one_transaction_takes_are_stopped(path: Path, database: Database) -> None:
    path.bind(*(task(f"t{number}") for number in range(1_100)))
    body = path.post("/task/stop", task_ids=list(path.task_ids.values())).get_json()
    assert (body["applied"], body["outcomes"]) == (1_100, [])
    assert path.workflow()["status"] == "STOPPED"
    assert database.read(check) == []


def test_only_waiting_direct_children_are_stopped(path: Path, database: Database) -> None:
    path.bind(task("a"), task("b", "a"), task("p", "a"), task("live", "a"), task("c", "b"), task("z")).start()
    run(path, "a", "live")
    path.act("pause", "p")
    path.queue()
    into_hand = current(path, "b")
    path.claim([into_hand])
    body = path.post(f"/task/{path.task_ids['a']}/stop_children").get_json()
    assert (body["outcome"], body["task_ids"]) == ("applied", [path.task_ids["p"]])
    again = path.post(f"/task/{path.task_ids['a']}/stop_children").get_json()
    assert (again["outcome"], again["applied"]) == ("duplicate", 0)
    found = statuses(path)
    assert (found["b"], found["p"], found["live"], found["c"]) == (
        "INSTANTIATING",
        "STOPPED",
        "DONE",
        "REGISTERING",
    )
    assert database.read(check) == []


def test_all_that_waits_is_stopped_and_what_lives_goes_on(path: Path, database: Database) -> None:
    path.bind(*CHAIN).start()
    one = path.run_one()
    target = f"/workflow/{path.workflow_id}/stop_waiting"
    body = path.post(target, reason="no more").get_json()
    assert body["applied"] == 3
    assert sorted(statuses(path).values()) == ["RUNNING", "STOPPED", "STOPPED", "STOPPED"]
    assert path.post(target).get_json()["applied"] == 0
    path.done(one)
    assert path.workflow()["status"] == "STOPPED"
    assert database.read(check) == []


@pytest.mark.parametrize(
    "target",
    ["/task/77/stop_children", "/workflow/77/stop_waiting", "/workflow/77/recompute", "/task/77/rerun"],
)
def test_an_act_on_what_is_unknown_is_404(path: Path, target: str) -> None:
    reply = path.post(target)
    assert (reply.status_code, reply.get_json()["outcome"]) == (404, "unknown")


def test_a_rerun_alone_leaves_what_has_finished_below_it(path: Path, database: Database) -> None:
    path.bind(*CHAIN).start()
    run(path, "a", "b")
    assert path.act("rerun", "a")["task_ids"] == [path.task_ids["a"]]
    assert statuses(path)["b"] == "DONE"
    run(path, "a", "beside", "c")
    assert path.workflow()["status"] == "DONE"
    assert database.read(check) == []


def test_a_cascade_runs_again_what_has_begun_below(path: Path, database: Database) -> None:
    path.bind(*CHAIN, task("d", "c"), task("stopped", "a"), task("gone", "b", max_attempts=1)).start()
    run(path, "a")
    path.act("stop", "stopped")
    run(path, "b")
    path.queue()
    failing = current(path, "gone")
    path.claim([failing])
    path.running(failing)
    path.error(failing)
    holding = current(path, "c")
    path.claim([holding])
    path.running(holding)
    said = path.act("rerun", "a", cascade=True, reason="wrong input")
    assert said["task_ids"] == [path.task_ids[name] for name in ("a", "b", "c", "gone")]
    assert path.instance(holding)["status"] == "KILL_SELF"
    path.error(holding, "ERROR_FATAL")
    found = statuses(path)
    assert {found[name] for name in ("a", "b", "c", "d", "gone")} == {"REGISTERING"}
    assert found["stopped"] == "STOPPED"
    run(path, "a", "b", "c", "d", "gone", "beside")
    assert path.workflow()["status"] == "STOPPED"
    assert database.read(check) == []


def test_cascade_is_for_rerun_alone(path: Path) -> None:
    path.bind(*CHAIN)
    reply = path.post(f"/task/{path.task_ids['a']}/stop", cascade=True)
    assert (reply.status_code, reply.get_json()["error"]["details"][0]["field"]) == (422, "cascade")


def test_the_kill_is_told_with_each_heartbeat_until_it_is_confirmed(path: Path) -> None:
    path.bind(task("a")).start()
    (one,) = into(path, "KILL_SELF, orphan")
    for _ in range(3):
        single = path.beat(one).get_json()
        batch = path.post(
            "/task_instance/log_report_by/batch", task_instance_ids=[one], next_report_increment=60
        ).get_json()
        assert (single["outcome"], single["status"]) == ("untimely", "KILL_SELF")
        assert [item["status"] for item in batch["outcomes"]] == ["KILL_SELF"]
    assert path.error(one, "ERROR_FATAL").get_json()["outcome"] == "applied"
    assert path.beat(one).get_json()["status"] == "ERROR_FATAL"


def test_to_recompute_again_changes_nothing(path: Path, database: Database) -> None:
    path.bind(*CHAIN).start()
    first_one, _still_running = path.run_one(), path.run_one()
    path.done(first_one)
    target = f"/workflow/{path.workflow_id}/recompute"
    first, second = path.post(target).get_json(), path.post(target).get_json()
    assert (first["outcome"], first["released"]) == ("applied", 1)
    assert second == {"outcome": "duplicate", "status": "RUNNING", "released": 0}
    assert database.read(check) == []


def test_leaves_are_what_no_task_waits_for(path: Path) -> None:
    path.bind(*CHAIN, task("d", "a"))
    target = f"/workflow/{path.workflow_id}/leaves"
    assert [row["name"] for row in path.get(target)["tasks"]] == ["c", "beside", "d"]
    page = path.get(f"{target}?limit=2")
    assert ([row["name"] for row in page["tasks"]], page["next"]) == (
        ["c", "beside"],
        str(path.task_ids["beside"]),
    )
    path.act("stop", "d")
    assert [row["name"] for row in path.get(f"{target}?status=STOPPED")["tasks"]] == ["d"]


def test_what_would_be_is_told_and_changes_nothing(path: Path) -> None:
    path.bind(*CHAIN).start()
    before = statuses(path)
    assert foresee(path) == "RUNNING"
    assert foresee(path, a="DONE", b="DONE", c="DONE", beside="DONE") == "DONE"
    assert foresee(path, a="ERROR_FATAL", beside="DONE") == "FAILED"
    assert foresee(path, a="STOPPED", beside=None) == "STOPPED"
    assert foresee(path, a="PAUSED", beside="PAUSED") == "PAUSED"
    assert foresee(path, a=None, beside="STOPPED") == "RUNNING", "b waits for nothing any more"
    assert statuses(path) == before


def test_what_would_be_agrees_with_what_then_is(path: Path) -> None:
    path.bind(*CHAIN).start()
    moves: list[tuple[str, str, str]] = [
        ("pause", "beside", "PAUSED"),
        ("stop", "a", "STOPPED"),
        ("stop", "b", "STOPPED"),
        ("play", "beside", "REGISTERING"),
        ("stop", "beside", "STOPPED"),
        ("stop", "c", "STOPPED"),
        ("rerun", "c", "REGISTERING"),
    ]
    for verb, name, status in moves:
        expected = foresee(path, **{name: status})
        path.act(verb, name)
        if path.workflow()["workflow_run_status"] == "RUNNING":
            assert path.workflow()["status"] == expected, (verb, name)


@pytest.mark.parametrize(
    ("supposed", "says"),
    [
        ({"1x": "DONE"}, "no task id"),
        ({"77": "DONE"}, "no task of workflow"),
        ({"1": "FINISHED"}, ", ".join(TaskStatus)),
        ([], "JSON object"),
    ],
)
def test_a_supposition_that_cannot_be_is_refused(path: Path, supposed: Any, says: str) -> None:
    path.bind(*CHAIN)
    reply = path.post(f"/workflow/{path.workflow_id}/preview", task_statuses=supposed)
    (detail,) = reply.get_json()["error"]["details"]
    assert (reply.status_code, says in detail["problem"]) == (422, True), detail
    assert detail["field"].startswith("task_statuses")
