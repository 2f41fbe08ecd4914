"""Whose failure it was, what was short, and what can never work: what reports of failures say beside their status."""

from __future__ import annotations

from typing import Any

import pytest

from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from tests.support.path import SOON, Path, task
from tests.support.situations import BROKE, LOST, into

INFRASTRUCTURE: dict[str, Any] = {"kind": "infrastructure"}
#: A report, what it says, and where it is made.
GIVEN_BACK = [
    ("log_error_worker_node", {"error_state": "ERROR", **BROKE}, "RUNNING"),
    ("log_error_worker_node", {"error_state": "UNKNOWN_ERROR", **BROKE}, "RUNNING"),
    ("log_known_error", {"error_state": "ERROR", **LOST}, "LAUNCHED"),
    ("log_unknown_error", LOST, "TRIAGING"),
    ("log_no_distributor_id", LOST, "INSTANTIATED"),
]


@pytest.mark.parametrize(("report", "facts", "situation"), GIVEN_BACK)
def test_what_the_infrastructure_did_costs_no_attempt(
    path: Path, database: Database, report: str, facts: dict[str, Any], situation: str
) -> None:
    path.bind().start()
    (one,) = into(path, situation, max_attempts=1)
    said = path.report(one, report, **facts, **INFRASTRUCTURE).get_json()
    assert (said["outcome"], said["task_status"]) == ("applied", "REGISTERING")
    its_task = path.get(f"/task/{path.instance(one)['task_id']}")
    assert (its_task["num_attempts"], its_task["num_refunds"]) == (0, 1)
    assert database.read(check) == []


@pytest.mark.parametrize(("report", "facts", "situation"), GIVEN_BACK)
def test_what_the_task_did_costs_one(path: Path, report: str, facts: dict[str, Any], situation: str) -> None:
    path.bind().start()
    (one,) = into(path, situation, max_attempts=1)
    assert path.report(one, report, kind="task", **facts).get_json()["task_status"] == "ERROR_FATAL"


def test_it_is_given_back_ten_times_the_reapers_refunds_counted(path: Path) -> None:
    path.bind(task("a", max_attempts=1)).start()
    for _ in range(3):
        (one,) = path.queue()
        path.claim([one], SOON)
        path.overdue(one)
    for _ in range(7):
        (one,) = path.queue()
        path.claim([one])
        path.report(one, "log_no_distributor_id", **LOST, **INFRASTRUCTURE)
        assert path.status("a") == "REGISTERING"
    (one,) = path.queue()
    path.claim([one])
    path.report(one, "log_no_distributor_id", **LOST, **INFRASTRUCTURE)
    assert path.status("a") == "ERROR_FATAL"


@pytest.mark.parametrize("state", ["RESOURCE_ERROR", "ERROR_FATAL"])
@pytest.mark.parametrize("report", ["log_error_worker_node", "log_known_error", "log_unknown_error"])
def test_other_ends_are_never_the_infrastructures(path: Path, report: str, state: str) -> None:
    path.bind().start()
    (one,) = into(path, "RUNNING")
    facts = BROKE if report == "log_error_worker_node" else LOST
    reply = path.report(one, report, error_state=state, **facts, **INFRASTRUCTURE)
    (detail,) = reply.get_json()["error"]["details"]
    assert (reply.status_code, detail["field"]) == (422, "kind")
    assert "ERROR, NO_DISTRIBUTOR_ID, UNKNOWN_ERROR" in detail["problem"]


def test_a_submission_that_is_refused_for_good_ends_its_task(path: Path, database: Database) -> None:
    path.bind().start()
    (one,) = into(path, "INSTANTIATED")
    said = path.report(one, "log_no_distributor_id", permanent=True, **LOST).get_json()
    assert (said["outcome"], said["status"], said["task_status"]) == ("applied", "ERROR_FATAL", "ERROR_FATAL")
    again = path.report(one, "log_no_distributor_id", permanent=True, **LOST).get_json()
    assert again["outcome"] == "duplicate"
    assert database.read(check) == []


@pytest.mark.parametrize("situation", ["LAUNCHED", "RUNNING", "TRIAGING", "KILL_SELF", "NO_HEARTBEAT"])
def test_what_was_started_is_not_refused_for_good(path: Path, situation: str) -> None:
    path.bind().start()
    (one,) = into(path, situation)
    reply = path.report(one, "log_no_distributor_id", permanent=True, **LOST)
    assert (reply.status_code, reply.get_json()["outcome"]) == (409, "invalid")
    assert path.instance(one)["status"] == situation


def test_never_again_and_once_more_do_not_go_together(path: Path) -> None:
    path.bind().start()
    (one,) = into(path, "INSTANTIATED")
    reply = path.report(one, "log_no_distributor_id", permanent=True, **LOST, **INFRASTRUCTURE)
    (detail,) = reply.get_json()["error"]["details"]
    assert (reply.status_code, detail["field"]) == (422, "permanent")


@pytest.mark.parametrize(
    ("report", "facts", "situation"),
    [
        ("log_known_error", {"error_state": "ERROR"}, "RUNNING"),
        ("log_unknown_error", {}, "TRIAGING"),
        ("log_no_distributor_id", {}, "INSTANTIATED"),
    ],
)
def test_a_distributor_says_what_was_used(
    path: Path, report: str, facts: dict[str, Any], situation: str
) -> None:
    path.bind().start()
    (one,) = into(path, situation)
    path.report(one, report, usage={"cpu_seconds": 3}, **facts, **LOST)
    assert path.instance(one)["usage"] == {"cpu_seconds": 3}


@pytest.mark.parametrize(("short", "cores"), [({"resource": "memory"}, 2), ({}, 4)])
def test_only_what_was_short_is_scaled(path: Path, short: dict[str, str], cores: int) -> None:
    scales = {"memory": 0.5, "cores": 1}
    path.bind(task("a", requested_resources={"memory": 100, "cores": 2}, resource_scales=scales)).start()
    facts = {"error_state": "RESOURCE_ERROR", **BROKE, **short}
    path.report(path.run_one(), "log_error_worker_node", **facts)
    asked = path.get(f"/task/{path.task_ids['a']}")["requested_resources"]
    assert asked == {"memory": 150, "cores": cores}


def test_nothing_is_short_where_no_resource_was(path: Path) -> None:
    path.bind().start()
    (one,) = into(path, "RUNNING")
    reply = path.report(one, "log_known_error", error_state="ERROR", resource="memory", **LOST)
    (detail,) = reply.get_json()["error"]["details"]
    assert (reply.status_code, detail["field"]) == (422, "resource")
