"""A status set by force: both rows, the journal with who and why, and everything that depends on it."""

from __future__ import annotations

from typing import Any

import pytest

from jobmon_client.states import Scope, TaskStatus
from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from jobmon_server.fsm.force import FORCED
from jobmon_server.fsm.task import TASK
from tests.support.path import Path, task
from tests.support.situations import into
from tests.support.tokens import caller, guarded, make_token

WHY = "the output is there, its node died"


def force(path: Path, name: str, status: str, code: int = 200, reason: str = WHY) -> Any:
    reply = path.post(f"/task/{path.task_ids[name]}/force_status", status=status, reason=reason)
    assert reply.status_code == code, reply.get_json()
    return reply.get_json()


def failed(path: Path, *more: dict[str, Any]) -> int:
    """A workflow whose first task has failed for good, and its instance."""
    path.bind(task("a", max_attempts=1, priority=9), task("b", "a"), *more).start()
    one = path.run_one()
    path.error(one)
    return one


def test_a_forced_done_lets_what_waits_for_it_run(path: Path, database: Database) -> None:
    one = failed(path)
    assert path.workflow()["status"] == "FAILED"
    said = force(path, "a", "DONE")
    assert (said["outcome"], said["status"], said["applied"]) == ("applied", "DONE", 1)
    assert (path.instance(one)["status"], path.status("a")) == ("DONE", "DONE")
    assert path.workflow()["status"] == "HALTED"
    path.start(resume="cold")
    second = path.run_one()
    assert path.instance(second)["name"] == "b"
    path.done(second)
    assert path.workflow()["status"] == "DONE"
    assert database.read(check) == []


def test_a_failed_workflow_of_which_all_is_forced_is_done(path: Path, database: Database) -> None:
    path.bind(task("a", max_attempts=1)).start()
    path.error(path.run_one())
    force(path, "a", "DONE")
    assert path.workflow()["status"] == "DONE"
    assert database.read(check) == []


def test_the_journal_has_before_and_after_and_why(path: Path) -> None:
    one = failed(path)
    ended_at = path.instance(one)["finished_at"]
    force(path, "a", "DONE")
    last = path.get(f"/task_instance/{one}/journal")["journal"][-1]
    assert {name: last[name] for name in ("from", "to", "task_from", "task_to", "reporter", "reason")} == {
        "from": "ERROR",
        "to": "DONE",
        "task_from": "ERROR_FATAL",
        "task_to": "DONE",
        "reporter": "operator",
        "reason": WHY,
    }
    now = path.instance(one)
    assert (now["finished_at"], now["reason_code"]) == (ended_at, "forced")
    assert [entry["source"] for entry in path.errors(one)] == ["worker"], "its error stays in the log"


def test_a_forced_failure_takes_back_what_was_passed_on(path: Path, database: Database) -> None:
    path.bind(task("a"), task("b", "a")).start()
    one = path.run_one()
    path.done(one)
    path.post(f"/workflow/{path.workflow_id}/recompute")
    assert path.get(f"/task/{path.task_ids['b']}")["upstreams_left"] == 0
    force(path, "a", "ERROR_FATAL", reason="the output is wrong")
    assert path.get(f"/task/{path.task_ids['b']}")["upstreams_left"] == 1
    assert path.workflow()["status"] == "FAILED"
    assert [(entry["source"], entry["description"]) for entry in path.errors(one)] == [
        ("operator", "the output is wrong")
    ]
    assert database.read(check) == []
    path.act("retry", "a")
    path.start(resume="hot")
    for _ in range(2):
        path.done(path.run_one())
    assert path.workflow()["status"] == "DONE"
    assert database.read(check) == []


def test_forced_to_and_fro_it_is_consistent_each_time(path: Path, database: Database) -> None:
    one = failed(path)
    for status in ("DONE", "ERROR_FATAL", "DONE", "ERROR_FATAL"):
        assert force(path, "a", status)["outcome"] == "applied"
        assert force(path, "a", status)["outcome"] == "duplicate"
        assert path.instance(one)["status"] == status
        assert database.read(check) == []
    assert [entry["source"] for entry in path.errors(one)] == ["worker", "operator", "operator"]


@pytest.mark.parametrize(
    "situation",
    ["QUEUED", "INSTANTIATED", "LAUNCHED", "RUNNING", "TRIAGING", "KILL_SELF", "KILL_SELF, orphan"],
)
def test_what_lives_is_not_forced(path: Path, database: Database, situation: str) -> None:
    path.bind(task("other")).start()
    (one,) = into(path, situation)
    name, was = path.instance(one)["name"], path.instance(one)
    said = force(path, name, "DONE", 409)
    assert (said["outcome"], "stop it" in said["error"]["message"]) == ("invalid", True)
    assert path.instance(one) == was
    assert database.read(check) == []


def test_what_was_never_queued_cannot_have_ended(path: Path) -> None:
    path.bind(task("a"))
    for status in FORCED:
        said = force(path, "a", status, 409)
        assert "never queued" in said["error"]["message"]


@pytest.mark.parametrize("verb", ["stop", "pause"])
def test_what_waits_for_another_attempt_is_forced(path: Path, database: Database, verb: str) -> None:
    path.bind(task("a"), task("b", "a")).start()
    path.error(path.run_one())
    path.act(verb, "a")
    assert force(path, "a", "DONE")["outcome"] == "applied"
    path.post(f"/workflow/{path.workflow_id}/recompute")
    assert path.get(f"/task/{path.task_ids['b']}")["upstreams_left"] == 0
    assert database.read(check) == []


@pytest.mark.parametrize("status", sorted(set(TaskStatus) - FORCED.keys()))
def test_no_other_status_is_reached_by_force(path: Path, status: str) -> None:
    failed(path)
    said = force(path, "a", status, 422)
    (detail,) = said["error"]["details"]
    assert detail["field"] == "status"
    assert "must be one of: DONE, ERROR_FATAL" in detail["problem"]
    assert "stop, pause and rerun" in detail["problem"]


def test_no_edge_of_the_table_is_a_forced_one() -> None:
    assert not TASK.allows(TaskStatus.ERROR_FATAL, TaskStatus.DONE)
    assert not TASK.allows(TaskStatus.DONE, TaskStatus.ERROR_FATAL)


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_a_reason_is_asked_for(path: Path, reason: str | None) -> None:
    failed(path)
    body = {"status": "DONE"} | ({} if reason is None else {"reason": reason})
    reply = path.post(f"/task/{path.task_ids['a']}/force_status", **body)
    assert (reply.status_code, reply.get_json()["error"]["details"][0]["field"]) == (422, "reason")
    assert path.status("a") == "ERROR_FATAL"


ACTS = (
    ("force_status", {"status": "DONE", "reason": WHY}, ("DONE", "DONE")),
    ("rerun", {"reason": WHY}, ("DONE", "DONE")),
)


@pytest.mark.parametrize("is_bulk", [False, True])
def test_what_is_forced_needs_an_operator_whom_the_journal_names(database: Database, is_bulk: bool) -> None:
    app = guarded(database)
    scopes = (Scope.OPERATOR, Scope.VIEWER, Scope.WORKER, Scope.DISTRIBUTOR)
    callers = {scope: caller(app, make_token(database, scope, name=scope)) for scope in scopes}
    path = Path(callers[Scope.OPERATOR])
    one = failed(path)
    for verb, facts, pair in ACTS:
        single, many = f"/task/{path.task_ids['a']}/{verb}", f"/task/{verb}"
        body = {**facts, "task_ids": [path.task_ids["a"]]} if is_bulk else facts
        for scope in scopes[1:]:
            refused = Path(callers[scope]).post(many if is_bulk else single, **body)
            assert refused.status_code == 403
        assert path.post(many if is_bulk else single, **body).get_json()["applied"] == 1
        last = path.get(f"/task_instance/{one}/journal")["journal"][-1]
        assert (last["reporter"], last["reporter_id"], last["reason"]) == ("operator", "operator", WHY)
        assert (last["to"], path.instance(one)["status"]) == pair
    assert database.read(check) == []


def test_many_are_forced_at_once_and_each_refusal_is_told(path: Path, database: Database) -> None:
    one = failed(path, task("c", max_attempts=1, priority=5), task("d"))
    path.error(path.run_one())
    running = path.run_one()
    reply = path.post(
        "/task/force_status", filter={"workflow_id": path.workflow_id}, status="DONE", reason=WHY
    ).get_json()
    assert reply["task_ids"] == [path.task_ids["a"], path.task_ids["c"]]
    assert {entry["task_id"]: entry["outcome"] for entry in reply["outcomes"]} == {
        path.task_ids["b"]: "invalid",
        path.task_ids["d"]: "invalid",
    }
    assert (path.instance(one)["status"], path.instance(running)["status"]) == ("DONE", "RUNNING")
    assert database.read(check) == []


def test_a_report_that_comes_after_the_force_changes_nothing(path: Path, database: Database) -> None:
    one = failed(path)
    force(path, "a", "DONE")
    assert path.error(one).get_json()["outcome"] == "invalid"
    assert path.instance(one)["status"] == "DONE"
    force(path, "a", "ERROR_FATAL")
    assert path.done(one).get_json()["outcome"] == "invalid"
    assert path.instance(one)["status"] == "ERROR_FATAL"
    assert database.read(check) == []
