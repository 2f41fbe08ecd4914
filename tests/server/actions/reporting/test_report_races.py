"""Two reports about one instance at once: exactly one wins, and the loser is told so in the words of the contract."""

from __future__ import annotations

from typing import Any

import pytest

from jobmon_server.actions.reporting.deadlines import reap
from tests.server.arena import Arena
from tests.support.path import Path

pytestmark = pytest.mark.race

pytestmark = pytest.mark.timeout(240)


def said(reply: Any) -> str:
    """The outcome of a single report or act; its HTTP status must be the one of that outcome."""
    outcome = reply.get_json()["outcome"]
    assert reply.status_code == (409 if outcome in {"invalid", "fenced"} else 200), reply.get_json()
    return str(outcome)


def outcomes_and_ends(arena: Arena) -> Any:
    """What both callers heard, and where instance and task are afterwards."""

    def end(one: int, first: Any, second: Any) -> tuple[str, str, str, str]:
        instance = arena.path.instance(one)
        return said(first), said(second), instance["status"], instance["task_status"]

    return end


def unknown_error(path: Path, one: int) -> Any:
    """A reconciler gives the instance up."""
    return path.report(one, "log_unknown_error", error_message="silent")


def test_done_against_unknown_error_past_the_deadline(arena: Arena) -> None:
    ends = arena.run(
        arena.running(), Path.done, unknown_error, outcomes_and_ends(arena), prepare=arena.make_overdue
    )
    assert set(ends) == {
        ("applied", "untimely", "DONE", "DONE"),
        ("untimely", "applied", "UNKNOWN_ERROR", "REGISTERING"),
    }


def test_running_against_a_late_launch(arena: Arena) -> None:
    ends = arena.run(arena.claimed(), Path.running, Path.launch, outcomes_and_ends(arena))
    assert set(ends) == {
        ("applied", "applied", "RUNNING", "RUNNING"),
        ("applied", "untimely", "RUNNING", "RUNNING"),
    }
    assert all(arena.path.instance(one)["distributor_id"] == f"c{one}" for one in range(1, 201, 40))


def test_running_against_the_launch_of_its_batch(arena: Arena) -> None:
    ids = arena.claimed()
    instance = arena.path.instance(ids[0])
    url = f"/array/{instance['array_id']}/batch/{instance['batch_num']}/log_launched"

    def launched(path: Path, one: int) -> Any:
        step = str(ids.index(one))
        return path.post(url, distributor_ids={step: "c"}, next_report_increment=60).get_json()

    def end(one: int, running: Any, launch: Any) -> Any:
        refused = [item["outcome"] for item in launch["outcomes"]]
        return said(running), launch["applied"], tuple(refused), arena.path.instance(one)["status"]

    ends = arena.run(ids, Path.running, launched, end, reads=True)
    assert set(ends) == {("applied", 1, (), "RUNNING"), ("applied", 0, ("untimely",), "RUNNING")}


def test_done_against_error_of_one_worker(arena: Arena) -> None:
    ends = arena.run(arena.running(), Path.done, Path.error, outcomes_and_ends(arena))
    assert set(ends) == {
        ("applied", "invalid", "DONE", "DONE"),
        ("invalid", "applied", "ERROR", "REGISTERING"),
    }


def test_two_workers_ask_to_start_one_instance(arena: Arena) -> None:
    ends = arena.run(
        arena.launched(),
        Path.running,
        lambda path, one: path.running(one, "worker-2"),
        outcomes_and_ends(arena),
    )
    assert set(ends) == {
        ("applied", "fenced", "RUNNING", "RUNNING"),
        ("fenced", "applied", "RUNNING", "RUNNING"),
    }


def heartbeat(path: Path, one: int) -> Any:
    """The worker lives."""
    return path.report(one, "log_report_by", worker_id="worker-1", next_report_increment=3600)


def test_a_heartbeat_against_the_reaper(arena: Arena) -> None:
    def end(one: int, beat: Any, reaped: Any) -> Any:
        instance = arena.path.instance(one)
        assert instance["report_by"] > instance["heartbeat_at"] if reaped.task_instances else True
        moves = [(was, to) for was, to, outcome in arena.path.journal(one) if outcome == "applied"]
        return said(beat), reaped.task_instances, instance["status"], ("TRIAGING", "RUNNING") in moves

    ends = arena.run(
        arena.running(),
        heartbeat,
        lambda *_: reap(arena.database),
        end,
        prepare=arena.make_overdue,
        reads=True,
    )
    assert set(ends) == {("applied", 0, "RUNNING", False), ("applied", 1, "RUNNING", True)}


def test_a_batch_of_heartbeats_against_the_reaper(arena: Arena) -> None:
    def beat(path: Path, one: int) -> Any:
        facts = {"task_instance_ids": [one, 10**12], "next_report_increment": 3600}
        return path.post("/task_instance/log_report_by/batch", **facts)

    def end(one: int, beaten: Any, reaped: Any) -> Any:
        said = beaten.get_json()
        assert [item["outcome"] for item in said["outcomes"]] == ["unknown"]
        instance = arena.path.instance(one)
        assert instance["report_by"] > instance["heartbeat_at"]
        moves = [(was, to) for was, to, outcome in arena.path.journal(one) if outcome == "applied"]
        return said["applied"], reaped.task_instances, instance["status"], ("TRIAGING", "RUNNING") in moves

    ends = arena.run(
        arena.running(), beat, lambda *_: reap(arena.database), end, prepare=arena.make_overdue, reads=True
    )
    assert set(ends) == {(1, 0, "RUNNING", False), (1, 1, "RUNNING", True)}


def test_the_reaper_against_the_reaper(arena: Arena) -> None:
    def end(one: int, first: Any, second: Any) -> Any:
        journal = arena.path.journal(one)
        assert journal.count(("LAUNCHED", "NO_HEARTBEAT", "applied")) == 1
        return first.task_instances, second.task_instances, arena.path.instance(one)["status"]

    ends = arena.run(
        arena.launched(),
        lambda *_: reap(arena.database),
        lambda *_: reap(arena.database),
        end,
        prepare=arena.make_overdue,
        reads=True,
    )
    assert set(ends) == {(1, 0, "NO_HEARTBEAT"), (0, 1, "NO_HEARTBEAT")}


def test_the_same_done_twice_at_once(arena: Arena) -> None:
    ends = arena.run(arena.running(), Path.done, Path.done, outcomes_and_ends(arena))
    assert set(ends) == {("applied", "duplicate", "DONE", "DONE"), ("duplicate", "applied", "DONE", "DONE")}
