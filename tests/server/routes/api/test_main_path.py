"""Bind, run, queue, claim, launch, report: the way of a workflow that goes well, and of one that fails."""

from __future__ import annotations

from tests.support.path import Path, task


def test_a_task_goes_from_bind_to_done(path: Path) -> None:
    path.bind(task("a")).start()
    one = path.run_one()
    assert path.status("a") == "RUNNING"
    assert path.done(one, stdout_log="fine").get_json()["outcome"] == "applied"
    assert path.status("a") == "DONE"
    instance = path.instance(one)
    assert (instance["status"], instance["report_by"], instance["stdout_log"]) == ("DONE", None, "fine")
    assert path.journal(one) == [
        (None, "QUEUED", "applied"),
        ("QUEUED", "INSTANTIATED", "applied"),
        ("INSTANTIATED", "LAUNCHED", "applied"),
        ("LAUNCHED", "RUNNING", "applied"),
        ("RUNNING", "DONE", "applied"),
    ]


def test_the_last_done_makes_the_workflow_done_and_ends_its_run(path: Path) -> None:
    path.bind(task("a")).start()
    path.done(path.run_one())
    workflow = path.workflow()
    assert (workflow["status"], workflow["workflow_run_status"]) == ("DONE", "DONE")
    again = path.post(f"/workflow_run/{path.run_id}/log_heartbeat", next_report_increment=9)
    assert (again.status_code, again.get_json()["status"]) == (409, "DONE")


def test_a_task_waits_for_all_its_upstreams(path: Path) -> None:
    path.bind(task("a"), task("b"), task("c", "a", "b")).start()
    first, second = path.queue()
    path.claim([first, second])
    for one in (first, second):
        assert path.queue() == []
        path.running(one)
        path.done(one)
    assert len(path.queue()) == 1
    assert path.status("c") == "QUEUED"


def test_a_failing_task_is_tried_again_and_then_given_up(path: Path) -> None:
    path.bind(task("a", max_attempts=2), task("b", "a"), task("c")).start()
    ids = {path.instance(one)["name"]: one for one in path.queue()}
    path.claim(ids.values())
    path.running(ids["c"])
    path.running(ids["a"])
    assert path.error(ids["a"]).get_json()["task_status"] == "REGISTERING"
    (second,) = path.queue()
    path.claim([second])
    path.running(second)
    assert path.error(second).get_json()["task_status"] == "ERROR_FATAL"
    assert path.queue() == []
    assert path.workflow()["status"] == "RUNNING"
    path.done(ids["c"])
    assert path.workflow()["status"] == "FAILED"
    assert path.status("b") == "REGISTERING"
    errors = path.get(f"/workflow/{path.workflow_id}/errors")["errors"]
    assert [(error["name"], error["attempt"], error["source"]) for error in errors] == [
        ("a", 1, "worker"),
        ("a", 2, "worker"),
    ]


def test_a_second_identical_report_is_a_duplicate_and_anothers_is_fenced(path: Path) -> None:
    path.bind(task("a")).start()
    one = path.run_one()
    again = path.running(one).get_json()
    assert (again["outcome"], again["status"], again["task_instance"]["command"]) == (
        "duplicate",
        "RUNNING",
        "true",
    )
    other = path.running(one, worker_id="worker-2")
    assert (other.status_code, other.get_json()["error"]["code"]) == (409, "fenced")
    assert path.done(one, worker_id="worker-2").get_json()["outcome"] == "fenced"
    path.done(one)
    assert path.done(one).get_json()["outcome"] == "duplicate"
    assert path.instance(one)["worker_id"] == "worker-1"


def test_many_reports_in_one_call_each_have_their_own_outcome(path: Path) -> None:
    path.bind(task("a"), task("b")).start()
    first, second = path.queue()
    path.claim([first, second])
    running = {"worker_id": "w", "nodename": "n", "process_group_id": 1, "next_report_increment": 5}
    reports = [
        {"task_instance_id": first, "report": "log_running", **running},
        {"task_instance_id": first, "report": "log_done", "worker_id": "w"},
        {"task_instance_id": second, "report": "log_running", **running},
        {"task_instance_id": 10**9, "report": "log_done", "worker_id": "w"},
        {"task_instance_id": second, "report": "log_dome", "worker_id": "w"},
        {"task_instance_id": second, "report": "log_done", "worker_id": "x"},
    ]
    reply = path.post("/reports", reports=reports).get_json()
    assert reply["applied"] == 3
    assert [(item["position"], item["outcome"]) for item in reply["outcomes"]] == [
        (3, "unknown"),
        (4, "malformed"),
        (5, "fenced"),
    ]
    assert (path.status("a"), path.status("b")) == ("DONE", "RUNNING")


def test_a_terminated_run_leaves_a_workflow_that_can_be_resumed(path: Path) -> None:
    path.bind(task("a"), task("b")).start()
    running = path.run_one()
    (waiting,) = path.queue()
    reply = path.post(f"/workflow_run/{path.run_id}/terminate", reason="enough").get_json()
    assert (reply["outcome"], reply["status"], reply["applied"]) == ("applied", "STOPPED", 2)
    assert path.workflow()["status"] == "HALTED"
    assert path.instance(waiting)["status"] == "ERROR_FATAL"
    assert path.instance(running)["status"] == "KILL_SELF"
    assert path.post(f"/workflow_run/{path.run_id}/terminate").get_json()["outcome"] == "duplicate"
    path.start(resume="cold")
    assert len(path.queue()) == 1
    assert path.error(running, "ERROR_FATAL").get_json()["task_status"] == "REGISTERING"
    assert len(path.queue()) == 1
