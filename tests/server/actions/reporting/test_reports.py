"""What a report may and may not change: fields, deadlines, the holder, the error log, attempts."""

from __future__ import annotations

from typing import Any

import pytest

from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from tests.support.path import ME, RUNNING, SECONDS, SOON, Path, task
from tests.support.rows import read_rows
from tests.support.situations import BROKE, LOST, into

ME_AGAIN = {"worker_id": ME}
#: A report that brings an instance out of a situation, and that may come twice.
REPEATED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "running": ("LAUNCHED", "log_running", RUNNING | ME_AGAIN),
    "done": ("RUNNING", "log_done", {"stdout_log": "said", **ME_AGAIN}),
    "error": ("RUNNING", "log_error_worker_node", {"error_state": "ERROR", "usage": {"cpu": 1}, **BROKE}),
    "resource error": ("RUNNING", "log_error_worker_node", {"error_state": "RESOURCE_ERROR", **BROKE}),
    "killed": ("KILL_SELF", "log_error_worker_node", {"error_state": "ERROR_FATAL", **BROKE}),
    "no id": ("INSTANTIATED", "log_no_distributor_id", LOST),
    "known error": ("RUNNING", "log_known_error", {"error_state": "ERROR", "nodename": "n", **LOST}),
    "unknown error": ("TRIAGING", "log_unknown_error", LOST),
}


def send(path: Path, one: int, report: str, facts: dict[str, Any], *, bulk: bool) -> str:
    """Make a report, alone or in bulk; the outcome."""
    if not bulk:
        return str(path.report(one, report, **facts).get_json()["outcome"])
    said = path.reports({"task_instance_id": one, "report": report, **facts})
    return "applied" if said["applied"] else str(said["outcomes"][0]["outcome"])


@pytest.mark.parametrize("bulk", [False, True], ids=["single", "bulk"])
@pytest.mark.parametrize("name", REPEATED)
def test_a_report_that_comes_twice_is_a_duplicate_and_writes_nothing(
    path: Path, database: Database, name: str, bulk: bool
) -> None:
    situation, report, facts = REPEATED[name]
    path.bind().start()
    (one,) = into(path, situation)
    assert send(path, one, report, facts, bulk=bulk) == "applied"
    was = database.read(read_rows)
    assert send(path, one, report, facts, bulk=not bulk) == "duplicate"
    assert send(path, one, report, facts, bulk=bulk) == "duplicate"
    assert database.read(read_rows) == was


def test_the_same_report_twice_in_one_call_is_applied_once(path: Path, database: Database) -> None:
    path.bind().start()
    (one,) = into(path, "RUNNING")
    item = {"task_instance_id": one, "report": "log_done", **ME_AGAIN}
    reply = path.reports(item, item, {"task_instance_id": 10**12, "report": "log_done", **ME_AGAIN})
    assert reply["applied"] == 1
    assert [(said["position"], said["outcome"]) for said in reply["outcomes"]] == [
        (1, "duplicate"),
        (2, "unknown"),
    ]
    assert database.read(check) == []


def test_a_whole_life_in_one_call(path: Path, database: Database) -> None:
    path.bind().start()
    (one,) = into(path, "INSTANTIATED")
    deadline = {"next_report_increment": SECONDS}
    reports = [
        {"report": "log_distributor_id", "distributor_id": "c", **deadline},
        {"report": "log_running", **RUNNING, **ME_AGAIN},
        {"report": "log_report_by", "stdout": "/out", **deadline, **ME_AGAIN},
        {"report": "log_done", **ME_AGAIN},
    ]
    reply = path.reports(*({"task_instance_id": one, **report} for report in reports))
    assert reply == {"applied": 4, "outcomes": []}
    instance = path.instance(one)
    assert (instance["status"], instance["stdout"], instance["distributor_id"]) == ("DONE", "/out", "c")
    assert path.workflow()["status"] == "DONE"
    assert database.read(check) == []


def test_a_field_that_is_left_out_stays_as_it_is(path: Path) -> None:
    path.bind().start()
    (one,) = into(path, "LAUNCHED")
    facts = {**RUNNING, "distributor_id": "c1", "stdout": "/out", "stderr": "/err"}
    path.report(one, "log_running", worker_id=ME, **facts)
    path.beat(one)
    path.beat(one, metrics={"load": 1}, stdout="/other")
    path.beat(one)
    path.done(one, stdout_log="said")
    instance = path.instance(one)
    kept = {
        "distributor_id": "c1",
        "stdout": "/other",
        "stderr": "/err",
        "metrics": {"load": 1},
        "nodename": "node",
    }
    assert {name: instance[name] for name in kept} == kept
    assert (instance["stdout_log"], instance["stderr_log"]) == ("said", None)


def test_every_field_that_a_report_can_set_is_read_back_by_its_name(path: Path) -> None:
    path.bind().start()
    (one,) = into(path, "RUNNING")
    facts: dict[str, Any] = {
        "distributor_id": "c9",
        "nodename": "n2",
        "stdout": "/o",
        "stderr": "/e",
        "stdout_log": "out",
        "stderr_log": "err",
        "usage": {"wallclock": 1.5, "maxrss": 10},
        "result": {"answer": [1, "two", None]},
    }
    path.done(one, **facts)
    instance = path.instance(one)
    assert {name: instance[name] for name in facts} == facts
    assert (instance["worker_id"], instance["process_group_id"], instance["attempt"]) == (ME, 42, 1)


@pytest.mark.parametrize(
    ("situation", "worker_id", "outcome"),
    [("RUNNING", "worker-2", "fenced"), ("QUEUED", ME, "invalid"), ("UNKNOWN_ERROR", ME, "untimely")],
)
def test_only_an_applied_report_writes_its_fields(
    path: Path, database: Database, situation: str, worker_id: str, outcome: str
) -> None:
    path.bind().start()
    (one,) = into(path, situation)
    was = database.read(read_rows).task_instances
    facts: dict[str, Any] = {"stdout_log": "x", "nodename": "other", "usage": {"cpu": 1}, "result": 1}
    assert path.done(one, worker_id, **facts).get_json()["outcome"] == outcome
    assert database.read(read_rows).task_instances == was


@pytest.mark.parametrize(
    "other",
    ["Worker-é😀", "worker-é😀 ", " worker-é😀", "worker-é", "worker-e\u0301😀", "worker-e😀", "worker-É😀"],
)
def test_the_holder_is_compared_exactly(path: Path, other: str) -> None:
    holder = "worker-é😀"
    path.bind().start()
    (one,) = into(path, "LAUNCHED")
    assert path.running(one, holder).status_code == 200
    for reply in (
        path.running(one, other),
        path.beat(one, other),
        path.done(one, other),
        path.error(one, worker_id=other),
    ):
        assert (reply.status_code, reply.get_json()["outcome"], reply.get_json()["status"]) == (
            409,
            "fenced",
            "RUNNING",
        )
    assert path.running(one, holder).get_json()["outcome"] == "duplicate"
    assert path.instance(one)["worker_id"] == holder


def test_the_first_applied_report_makes_the_holder_and_a_refused_one_does_not(path: Path) -> None:
    path.bind().start()
    (one,) = into(path, "INSTANTIATED")
    assert path.done(one, "w1").get_json()["outcome"] == "invalid"
    assert path.beat(one, "w1").get_json()["outcome"] == "invalid"
    assert path.instance(one)["worker_id"] is None
    assert path.running(one, "w2").get_json()["outcome"] == "applied"
    assert path.running(one, "w1").get_json()["outcome"] == "fenced"


def test_distributors_and_node_agents_are_not_fenced_by_the_holder(path: Path) -> None:
    path.bind().start()
    beaten, known = into(path, "RUNNING", 2)
    reply = path.post(
        "/task_instance/log_report_by/batch", task_instance_ids=[beaten], next_report_increment=9
    )
    assert reply.get_json() == {"applied": 1, "outcomes": []}
    assert send(path, known, "log_known_error", {"error_state": "ERROR", **LOST}, bulk=False) == "applied"


@pytest.mark.parametrize(
    ("situation", "status", "task_status"),
    [
        ("KILL_SELF, never held", "ERROR_FATAL", "REGISTERING"),
        ("KILL_SELF, orphan never held", "ERROR_FATAL", "STOPPED"),
        ("NO_HEARTBEAT", "ERROR", "REGISTERING"),
    ],
)
@pytest.mark.parametrize("bulk", [False, True], ids=["single", "bulk"])
def test_a_worker_that_starts_too_late_is_told_to_stop(
    path: Path, database: Database, situation: str, status: str, task_status: str, bulk: bool
) -> None:
    path.bind(task("other")).start()
    (one,) = into(path, situation)
    facts = {"worker_id": "late", **RUNNING}
    if bulk:
        (said,) = path.reports({"task_instance_id": one, "report": "log_running", **facts})["outcomes"]
    else:
        said = path.report(one, "log_running", **facts).get_json()
    assert (said["outcome"], said["status"], said["task_status"]) == ("applied", status, task_status)
    journal = path.get(f"/task_instance/{one}/journal")["journal"][-1]
    assert (journal["to"], journal["outcome"], journal["reason"]) == (status, "applied", "told to stop")
    assert [entry["source"] for entry in path.errors(one)] == ["worker"]
    assert path.running(one, "late").get_json()["outcome"] in {"invalid", "untimely"}
    assert path.running(one, "another").get_json()["outcome"] == "fenced"
    assert database.read(check) == []


def test_a_delayed_copy_of_the_holders_first_report_does_not_close_it(path: Path) -> None:
    path.bind().start()
    (one,) = into(path, "KILL_SELF")
    late = path.running(one).get_json()
    assert (late["outcome"], late["status"]) == ("untimely", "KILL_SELF")
    assert path.beat(one).get_json()["outcome"] == "untimely"
    confirmed = path.error(one, "ERROR_FATAL").get_json()
    assert (confirmed["outcome"], confirmed["task_status"]) == ("applied", "REGISTERING")


@pytest.mark.parametrize("report", ["log_error_worker_node", "log_known_error"])
def test_a_marked_one_starts_afresh_when_its_death_is_confirmed(path: Path, report: str) -> None:
    path.bind().start()
    (one,) = into(path, "KILL_SELF")
    name = path.instance(one)["name"]
    assert path.queue() == []
    facts = {"error_state": "ERROR_FATAL"} | (BROKE if report == "log_error_worker_node" else LOST)
    assert path.report(one, report, **facts).get_json()["task_status"] == "REGISTERING"
    assert path.get(f"/task/{path.task_ids[name]}")["num_attempts"] == 0
    (again,) = path.queue()
    assert path.instance(again)["attempt"] == 2


def test_a_kill_that_came_too_late_is_done(path: Path) -> None:
    path.bind().start()
    marked, orphan = into(path, "KILL_SELF")[0], into(path, "KILL_SELF, orphan")[0]
    assert path.done(marked).get_json()["task_status"] == "DONE"
    reply = path.done(orphan).get_json()
    assert (reply["outcome"], reply["status"], reply["task_status"]) == ("applied", "DONE", "STOPPED")


def test_a_stop_overrides_the_mark_to_start_afresh(path: Path, database: Database) -> None:
    path.bind(task("other")).start()
    (one,) = into(path, "KILL_SELF")
    name = path.instance(one)["name"]
    assert path.act("stop", name)["status"] == "STOPPED"
    assert path.instance(one)["status"] == "KILL_SELF"
    closed = path.error(one, "ERROR_FATAL").get_json()
    assert (closed["outcome"], closed["status"], closed["task_status"]) == (
        "applied",
        "ERROR_FATAL",
        "STOPPED",
    )
    assert database.read(check) == []


def test_a_task_never_has_two_live_instances(path: Path, database: Database) -> None:
    path.bind().start()
    (orphan,) = into(path, "KILL_SELF, orphan")
    name = path.instance(orphan)["name"]
    assert path.act("rerun", name)["status"] == "REGISTERING"
    path.start(resume="hot")
    assert path.queue() == []
    closed = path.error(orphan, "ERROR_FATAL").get_json()
    assert (closed["outcome"], closed["task_status"]) == ("applied", "REGISTERING")
    assert len(path.queue()) == 1
    assert database.read(check) == []


def test_an_attempt_that_nobody_started_is_given_back_ten_times(path: Path, database: Database) -> None:
    path.bind(task("a", max_attempts=2)).start()
    counts = []
    while path.status("a") == "REGISTERING":
        (one,) = path.queue()
        path.claim([one], SOON)
        path.overdue(one)
        counts.append(path.get(f"/task/{path.task_ids['a']}")["num_attempts"])
    assert counts == [0] * 10 + [1, 2]
    assert path.status("a") == "ERROR_FATAL"
    assert path.instance(one)["attempt"] == 12
    assert database.read(check) == []


def test_a_failed_submission_costs_its_attempt(path: Path) -> None:
    path.bind(task("a", max_attempts=1)).start()
    (one,) = path.queue()
    path.claim([one])
    assert path.report(one, "log_no_distributor_id", **LOST).get_json()["task_status"] == "ERROR_FATAL"


def test_each_applied_failure_has_one_entry_in_the_error_log(path: Path) -> None:
    path.bind().start()
    (one,) = into(path, "RUNNING")
    refused = (path.error(one, worker_id="other"), path.report(one, "log_unknown_error", **LOST))
    assert [reply.get_json()["outcome"] for reply in refused] == ["fenced", "untimely"]
    assert path.errors(one) == []
    path.error(one)
    path.error(one)
    path.report(one, "log_known_error", error_state="ERROR", error_message="me too")
    (entry,) = path.errors(one)
    assert (entry["description"], entry["source"]) == ("it broke", "worker")


def test_an_error_without_words_gets_some(path: Path) -> None:
    path.bind().start()
    by_worker, by_distributor = into(path, "RUNNING", 2)
    path.report(by_worker, "log_error_worker_node", worker_id=ME, error_state="ERROR", error_description="")
    path.report(by_distributor, "log_known_error", error_state="ERROR", error_message="")
    assert all(path.errors(one)[0]["description"] for one in (by_worker, by_distributor))


@pytest.mark.parametrize("verb", ["stop", "rerun", "pause"])
def test_who_withdrew_an_instance_is_in_the_error_log(path: Path, verb: str) -> None:
    path.bind(task("a")).start()
    (one,) = path.queue()
    path.act(verb, "a", reason="wrong input")
    assert [(entry["source"], entry["description"]) for entry in path.errors(one)] == [
        ("operator", "wrong input")
    ]
