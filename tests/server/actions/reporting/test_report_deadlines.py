"""Deadlines: what moves them, and who may give an instance up."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.support.path import SOON, Path, task
from tests.support.situations import LOST, into
from tests.support.waiting import eventually


def deadline(path: Path, one: int) -> datetime:
    return datetime.fromisoformat(path.instance(one)["report_by"])


def test_within_a_status_a_deadline_only_moves_forward(path: Path) -> None:
    path.bind().start()
    (one,) = into(path, "RUNNING")
    first = deadline(path, one)
    path.beat(one, seconds=5)
    path.post("/task_instance/log_report_by/batch", task_instance_ids=[one], next_report_increment=5)
    assert deadline(path, one) == first
    path.beat(one, seconds=600)
    assert (deadline(path, one) - first).total_seconds() > 500


def test_an_applied_transition_sets_a_new_deadline_and_a_terminal_one_none(path: Path) -> None:
    path.bind().start()
    (one,) = into(path, "LAUNCHED")
    first = deadline(path, one)
    path.running(one, seconds=5)
    assert (first - deadline(path, one)).total_seconds() > 50
    assert path.done(one).get_json()["report_by"] is None


def test_a_launch_said_twice_extends_the_deadline(path: Path) -> None:
    path.bind().start()
    (one,) = into(path, "LAUNCHED")
    first = deadline(path, one)
    facts = {"distributor_id": "other", "next_report_increment": 600}
    assert path.report(one, "log_distributor_id", **facts).get_json()["outcome"] == "duplicate"
    assert (deadline(path, one) - first).total_seconds() > 500
    assert path.instance(one)["distributor_id"] == "other"


def test_what_was_given_last_is_what_triage_and_kill_get(path: Path) -> None:
    path.bind().start()
    (one,) = into(path, "RUNNING")
    path.beat(one, seconds=1000)
    path.act("stop", path.instance(one)["name"])
    instance = path.instance(one)
    given = datetime.fromisoformat(instance["report_by"]) - datetime.fromisoformat(instance["status_at"])
    assert (instance["status"], given.total_seconds()) == ("KILL_SELF", 1000.0)


@pytest.mark.parametrize("situation", ["INSTANTIATED", "LAUNCHED", "RUNNING"])
def test_an_instance_is_given_up_only_when_its_deadline_has_passed(path: Path, situation: str) -> None:
    path.bind().start()
    (one,) = into(path, situation)
    facts = {"error_state": "ERROR", **LOST}
    assert path.report(one, "log_unknown_error", **facts).get_json()["outcome"] == "untimely"
    assert path.instance(one)["status"] == situation
    path.add(task("b", priority=9))
    (overdue,) = path.queue(limit=1)
    path.claim([overdue], SOON)
    if situation != "INSTANTIATED":
        path.launch(overdue, SOON)
    if situation == "RUNNING":
        path.running(overdue, seconds=SOON)
    eventually(lambda: path.report(overdue, "log_unknown_error", **facts).get_json()["outcome"] == "applied")
    assert path.instance(overdue)["status"] == "ERROR"


def test_a_heartbeat_in_between_keeps_the_job(path: Path) -> None:
    path.bind().start()
    (one,) = into(path, "TRIAGING")
    assert path.beat(one).get_json()["status"] == "RUNNING"
    late = path.report(one, "log_unknown_error", **LOST)
    assert (late.status_code, late.get_json()["outcome"], late.get_json()["status"]) == (
        200,
        "untimely",
        "RUNNING",
    )
