"""`/explain` says how an instance stands, and its promises come true."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from jobmon_server.actions.reporting.deadlines import reap
from jobmon_server.db.core.transaction import Database
from tests.support.path import ME, Path, task


def explained(path: Path, one: int) -> Any:
    """The explanation of an instance."""
    return path.get(f"/task_instance/{one}/explain")


def triggered(explanation: Any, report: str, to: str) -> Any:
    """What is said of one report's way to a status."""
    (found,) = [
        trigger
        for edge in explanation["edges"]
        for trigger in edge["triggers"]
        if (trigger["report"], trigger["to"]) == (report, to)
    ]
    return found


def test_one_that_waits_says_for_whom(path: Path) -> None:
    path.bind(task("a", cluster="there")).start()
    (one,) = path.queue()
    said = explained(path, one)
    assert said["status"] == "QUEUED"
    assert "distributor of cluster 'there'" in said["next"]["what"]
    assert said["next"]["at"] is said["deadline"]["report_by"] is None
    assert said["holder"]["cluster"] == "there"
    assert triggered(said, "instantiate_task_instances", "INSTANTIATED")["outcome"] == "applied"
    assert [(row["from"], row["to"]) for row in said["decisions"]] == [(None, "QUEUED")]


def test_one_that_runs_names_its_holder_its_deadline_and_its_task(path: Path) -> None:
    path.bind(task("a", max_attempts=5)).start()
    one = path.run_one()
    said = explained(path, one)
    assert said["holder"]["worker_id"] == ME
    assert (said["holder"]["distributor"], said["holder"]["distributor_id"]) == ("d", f"c{one}")
    assert 50 < said["deadline"]["seconds"] <= 60
    assert said["deadline"]["overdue"] is False
    assert said["next"]["to"] == "TRIAGING"
    assert said["next"]["at"] == said["deadline"]["report_by"]
    told = {name: said["task"][name] for name in ("status", "num_attempts", "max_attempts", "is_current")}
    assert told == {"status": "RUNNING", "num_attempts": 1, "max_attempts": 5, "is_current": True}
    assert said["task"]["waits_for"] == [f"news of its instance {one}"]


@pytest.mark.parametrize(
    ("report", "to", "facts"),
    [
        ("log_done", "DONE", {"worker_id": ME}),
        (
            "log_error_worker_node",
            "ERROR",
            {"worker_id": ME, "error_state": "ERROR", "error_description": ""},
        ),
        ("log_unknown_error", "UNKNOWN_ERROR", {"error_message": "gone"}),
        ("log_known_error", "RESOURCE_ERROR", {"error_state": "RESOURCE_ERROR", "error_message": "m"}),
    ],
)
def test_a_report_gets_the_outcome_that_was_said(path: Path, report: str, to: str, facts: Any) -> None:
    path.bind(task("a")).start()
    one = path.run_one()
    said = triggered(explained(path, one), report, to)
    reply = path.report(one, report, **facts).get_json()
    assert reply["outcome"] == said["outcome"]
    assert (reply["status"], reply["task_status"]) == (
        (to, said["task"]) if said["outcome"] == "applied" else ("RUNNING", "RUNNING")
    )


def test_refused_reports_are_among_the_decisions(path: Path) -> None:
    path.bind(task("a")).start()
    one = path.run_one()
    assert path.done(one, worker_id="another").status_code == 409
    last = explained(path, one)["decisions"][-1]
    assert (last["outcome"], last["reporter_id"]) == ("fenced", "another")


def test_only_the_last_decisions_are_told(path: Path) -> None:
    path.bind(task("a")).start()
    one = path.run_one()
    for number in range(15):
        path.done(one, worker_id=f"another {number}")
    told = explained(path, one)["decisions"]
    assert len(told) == 10
    assert told[-1]["reporter_id"] == "another 14"
    assert [row["time"] for row in told] == sorted(row["time"] for row in told)


def test_the_deadline_does_what_was_said(path: Path, database: Database) -> None:
    path.bind(task("a")).start()
    (one,) = path.queue()
    path.claim([one], seconds=1e-6)
    said = explained(path, one)
    assert said["deadline"]["overdue"] is True
    assert said["deadline"]["seconds"] < 0
    assert "reaper" in said["advice"]
    assert "given back" in said["next"]["what"]
    reap(database)
    after = explained(path, one)
    assert (after["status"], after["task"]["status"]) == (said["next"]["to"], said["next"]["task"])
    assert after["task"]["num_attempts"] == 0
    assert after["edges"] == []


def test_after_a_failure_the_task_waits_for_its_run(path: Path) -> None:
    path.bind(task("a")).start()
    one = path.run_one()
    path.error(one)
    assert explained(path, one)["task"]["waits_for"] == [
        f"run {path.run_id} to queue it, which it does by itself"
    ]
    second = path.run_one()
    old = explained(path, one)["task"]
    assert (old["is_current"], old["current_task_instance_id"]) == (False, second)


@pytest.mark.parametrize(
    ("act", "words"),
    [("pause", ["play of its workflow"]), ("terminate", ["none is alive"])],
)
def test_a_task_that_cannot_be_queued_says_why(path: Path, act: str, words: list[str]) -> None:
    path.bind(task("a"), max_concurrently_running=1).start()
    one = path.run_one()
    path.error(one)
    path.add(task("b", priority=9))
    path.run_one()
    assert explained(path, one)["task"]["waits_for"] == [
        "room: 1 tasks of its workflow are live and 1 may be"
    ]
    if act == "terminate":
        path.post(f"/workflow_run/{path.run_id}/terminate")
    else:
        path.post(f"/workflow/{path.workflow_id}/pause")
        path.post(f"/task/{path.task_ids['a']}/play")
    waits = explained(path, one)["task"]["waits_for"]
    assert all(any(word in said for said in waits) for word in words), waits


def test_a_rerun_task_names_the_upstreams_it_waits_for(path: Path) -> None:
    path.bind(task("up"), task("down", "up")).start()
    path.done(path.run_one())
    one = path.run_one()
    path.error(one, state="ERROR_FATAL")
    path.post(f"/task/{path.task_ids['up']}/rerun")
    path.post(f"/task/{path.task_ids['down']}/retry")
    waits = explained(path, one)["task"]["waits_for"]
    assert any(f"task {path.task_ids['up']} (up) is REGISTERING" in said for said in waits), waits


def test_a_stopped_task_leaves_an_orphan(path: Path) -> None:
    path.bind(task("a")).start()
    one = path.run_one()
    path.post(f"/task/{path.task_ids['a']}/stop")
    said = explained(path, one)
    assert (said["status"], said["task"]["orphan"]) == ("KILL_SELF", True)
    assert said["task"]["waits_for"] == ["an operator's rerun: it was stopped"]
    assert triggered(said, "log_done", "DONE")["task"] == "STOPPED"


def test_an_unknown_instance_is_404(client: FlaskClient) -> None:
    assert client.get("/api/v1/task_instance/404/explain").status_code == 404
