"""Who locks many pairs does not wait for a task that another transaction has; nothing is forgotten for it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from jobmon_server.db.schema.tables import task
from tests.server.arena import ALIVE, Arena
from tests.support.path import Path

pytestmark = pytest.mark.race

pytestmark = pytest.mark.timeout(240)
CLAIM = "/task_instance/instantiate_task_instances"


def holder(arena: Arena) -> Any:
    """A transaction that has a task, as a settle has it: without its instance."""

    def hold(path: Path, one: int) -> None:
        found = select(task.c.id).where(task.c.id == path.instance(one)["task_id"]).with_for_update()
        arena.database.transact(lambda connection: connection.execute(found).all())

    return hold


def test_a_claim_by_ids_comes_back_for_what_it_passed_over(arena: Arena) -> None:
    def claim(path: Path, one: int) -> Any:
        return path.claim([one, one + 1], ALIVE)

    def end(one: int, _: Any, reply: Any) -> Any:
        claimed = [step for batch in reply["batches"] for step in batch["task_instances"]]
        return len(claimed), reply["outcomes"] == [], arena.path.instance(one)["status"]

    ends = arena.run(arena.tasks()[::2], holder(arena), claim, end)
    assert set(ends) == {(2, True, "INSTANTIATED")}


def test_a_batch_of_reports_comes_back_and_keeps_the_order(arena: Arena) -> None:
    started = {"worker_id": "w", "nodename": "n", "process_group_id": 1, "next_report_increment": 60}

    def reports(path: Path, one: int) -> Any:
        items = [
            {"task_instance_id": one, "report": "log_running", **started},
            {"task_instance_id": one + 1, "report": "log_running", **started},
            {"task_instance_id": one, "report": "log_done", "worker_id": "w"},
            {"task_instance_id": one, "report": "log_done", "worker_id": "another"},
        ]
        return path.post("/reports", reports=items).get_json()

    def end(one: int, _: Any, reply: Any) -> Any:
        refused = [(item["position"], item["outcome"]) for item in reply["outcomes"]]
        states = tuple(arena.path.instance(each)["status"] for each in (one, one + 1))
        return reply["applied"], tuple(refused), *states

    ends = arena.run(arena.claimed()[::2], holder(arena), reports, end)
    assert set(ends) == {(3, ((3, "fenced"),), "DONE", "RUNNING")}


def test_a_claim_of_the_next_leaves_what_it_passed_over_to_the_one_after(arena: Arena) -> None:
    ids = arena.tasks(100)

    def claim(path: Path, _: int) -> Any:
        facts = {"distributor": "d", "next_report_increment": ALIVE, "cluster": "local", "limit": 2}
        reply = path.post(CLAIM, **facts).get_json()
        return [step["task_instance_id"] for batch in reply["batches"] for step in batch["task_instances"]]

    def end(one: int, _: Any, claimed: list[int]) -> Any:
        assert len(set(claimed)) == len(claimed)
        return len(claimed)

    ends = arena.run(ids[:60:2], holder(arena), claim, end, reads=True)
    assert set(ends) <= {1, 2}
    assert ends[2] > 0
    while claim(arena.path, 0):
        pass
    assert {arena.path.instance(one)["status"] for one in ids} == {"INSTANTIATED"}
