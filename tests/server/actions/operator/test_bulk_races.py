"""Acts on selections, forced statuses and deletions against reports: what is meant is what it is under the lock."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.actions.reporting.test_report_races import said
from tests.server.arena import Arena
from tests.support.path import Path

pytestmark = pytest.mark.race

pytestmark = pytest.mark.timeout(240)


def task_of(path: Path, one: int) -> int:
    return int(path.instance(one)["task_id"])


def outcome_of(reply: Any) -> str:
    """What became of the one task that a call about many was about."""
    body = reply.get_json()
    assert reply.status_code == 200, body
    others = [entry["outcome"] for entry in body["outcomes"]]
    return "applied" if body["applied"] else others[0] if others else "not meant"


def test_an_act_on_what_runs_against_done(arena: Arena) -> None:
    """Without a look under the lock, the rerun would take a task that is DONE by then, and was not meant."""
    ids = arena.running()
    task_ids = {one: task_of(arena.path, one) for one in ids}

    def rerun(path: Path, one: int) -> Any:
        return path.post("/task/rerun", filter={"task_id": task_ids[one], "status": "RUNNING"})

    def end(one: int, done: Any, rerun: Any) -> Any:
        return said(done), outcome_of(rerun), arena.path.instance(one)["task_status"]

    ends = arena.run(ids, Path.done, rerun, end, reads=True)
    assert set(ends) == {
        ("applied", "not meant", "DONE"),
        ("applied", "untimely", "DONE"),
        ("applied", "applied", "REGISTERING"),  # what was rerun is an orphan, and its DONE its own affair
    }


def test_an_act_with_a_digest_against_done(arena: Arena) -> None:
    ids = arena.running()
    task_ids = {one: task_of(arena.path, one) for one in ids}
    seen: dict[int, str] = {}

    def look(one: int) -> None:
        shown = arena.path.post("/task/rerun", task_ids=[task_ids[one]], preview=True)
        seen[one] = shown.get_json()["digest"]

    def rerun(path: Path, one: int) -> Any:
        reply = path.post("/task/rerun", task_ids=[task_ids[one]], digest=seen[one])
        return "refused" if reply.status_code == 409 else outcome_of(reply)

    def end(one: int, done: Any, rerun: str) -> Any:
        return said(done), rerun, arena.path.instance(one)["task_status"]

    ends = arena.run(ids, Path.done, rerun, end, prepare=look, reads=True)
    assert set(ends) == {
        ("applied", "refused", "DONE"),
        ("applied", "untimely", "DONE"),
        ("applied", "applied", "REGISTERING"),  # what was rerun is an orphan, and its DONE its own affair
    }


def test_a_forced_done_against_retry(arena: Arena) -> None:
    ids = arena.tasks(max_attempts=1)
    arena.start(ids)
    task_ids = {one: task_of(arena.path, one) for one in ids}

    def force(path: Path, one: int) -> Any:
        return path.post(f"/task/{task_ids[one]}/force_status", status="DONE", reason="it is there")

    def retry(path: Path, one: int) -> Any:
        return path.post(f"/task/{task_ids[one]}/retry")

    def end(one: int, forced: Any, retried: Any) -> Any:
        instance = arena.path.instance(one)
        return said(forced), said(retried), instance["status"], instance["task_status"]

    ends = arena.run(ids, force, retry, end, prepare=arena.path.error)
    assert set(ends) == {
        ("applied", "invalid", "DONE", "DONE"),
        ("applied", "applied", "DONE", "DONE"),
    }


def test_a_deletion_against_a_late_report(arena: Arena) -> None:
    """The report has a former attempt and waits for the task; so a deletion must lock all attempts before the task."""
    ids = arena.running()
    task_ids = {one: task_of(arena.path, one) for one in ids}
    for one in ids:
        arena.path.error(one)
    assert len(arena.path.queue()) == len(ids)
    stopped = arena.path.post("/task/stop", task_ids=list(task_ids.values())).get_json()
    assert stopped["applied"] == len(ids)

    def late(path: Path, one: int) -> Any:
        return path.done(one)

    def delete(path: Path, one: int) -> Any:
        return path.post(f"/task/{task_ids[one]}/delete")

    def end(_: int, late: Any, deleted: Any) -> Any:
        return late.get_json()["outcome"], said(deleted)

    assert set(arena.run(ids, late, delete, end)) == {("invalid", "applied"), ("unknown", "applied")}


def test_attributes_against_done(arena: Arena) -> None:
    ids = arena.running()
    task_ids = {one: task_of(arena.path, one) for one in ids}

    def keep(path: Path, one: int) -> Any:
        return path.post("/task/attributes", task_ids=[task_ids[one]], attributes={"seen": one})

    def end(one: int, done: Any, kept: Any) -> Any:
        assert arena.path.get(f"/task/{task_ids[one]}")["attributes"] == {"seen": one}
        return said(done), outcome_of(kept), arena.path.instance(one)["task_status"]

    ends = arena.run(ids, Path.done, keep, end, reads=True)
    assert set(ends) == {("applied", "applied", "DONE")}
