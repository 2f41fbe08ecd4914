"""What a report costs: a number of statements and one commit, the same for the first report and the millionth."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

import pytest

from jobmon_server.db.core.guarded_update import SIZES
from jobmon_server.db.core.transaction import Database
from tests.server.listening import Said, listening
from tests.support.path import Path, task


def heartbeat(path: Path, one: int) -> Any:
    return path.report(one, "log_report_by", worker_id="worker-1", next_report_increment=60)


def cost(database: Database, call: Callable[[], Any], outcome: str = "applied") -> Said:
    """What one report says to the database."""
    with listening(database.engine) as said:
        reply = call().get_json()
    assert reply["outcome"] == outcome
    return said


@pytest.fixture
def claimed(path: Path) -> tuple[Path, int]:
    """An INSTANTIATED instance of a workflow with more to do."""
    path.bind(task("a"), task("b")).start()
    ids = path.queue()
    path.claim(ids)
    return path, ids[0]


def test_running_is_a_lock_two_writes_and_the_journal(claimed: tuple[Path, int], database: Database) -> None:
    path, one = claimed
    said = cost(database, lambda: path.running(one))
    assert (said.verbs, said.commits) == (["SELECT", "UPDATE", "UPDATE", "INSERT"], 1)


def test_done_looks_once_more_after_its_commit(claimed: tuple[Path, int], database: Database) -> None:
    path, one = claimed
    path.running(one)
    said = cost(database, lambda: path.done(one))
    assert said.verbs == ["SELECT", "UPDATE", "UPDATE", "INSERT", "SELECT"]
    assert "EXISTS" in said.statements[-1][0]


def test_a_heartbeat_is_a_lock_and_a_write(claimed: tuple[Path, int], database: Database) -> None:
    path, one = claimed
    path.running(one)
    said = cost(database, lambda: heartbeat(path, one))
    assert (said.verbs, said.commits) == (["SELECT", "UPDATE"], 1)


def test_what_a_heartbeat_brings_is_one_more_write_of_its_kind(
    claimed: tuple[Path, int], database: Database
) -> None:
    path, one = claimed
    path.running(one)
    facts: dict[str, Any] = {"metrics": {"load": 1, "cpu_seconds": 2}, "progress": "half"}
    said = cost(database, lambda: path.beat(one, **facts))
    assert (said.verbs, said.commits) == (["SELECT", "UPDATE", "INSERT"], 1)
    said = cost(database, lambda: path.beat(one, attributes={"a": 1, "b": 2}, **facts))
    assert (said.verbs, said.commits) == (["SELECT", "UPDATE", "INSERT", "INSERT"], 1)


def test_only_what_has_commands_is_asked_for_them(claimed: tuple[Path, int], database: Database) -> None:
    path, one = claimed
    path.running(one)
    asked = path.post(f"/task_instance/{one}/commands", command="kill").get_json()["command_id"]
    told = ["SELECT", "UPDATE", "SELECT", "UPDATE"]
    said = cost(database, lambda: heartbeat(path, one))
    assert (said.verbs, said.commits) == (told, 1)
    said = cost(database, lambda: path.beat(one, acknowledged=[{"command_id": asked}]))
    taken = ["SELECT", "UPDATE", "UPDATE"]  # looked up, marked, counted
    assert (said.verbs, said.commits) == (["SELECT", "UPDATE", *taken, "SELECT"], 1)
    assert cost(database, lambda: heartbeat(path, one)).verbs == ["SELECT", "UPDATE"]


@pytest.mark.parametrize("report", [Path.running, Path.done])
def test_the_same_report_again_is_a_lock(
    claimed: tuple[Path, int], database: Database, report: Callable[[Path, int], Any]
) -> None:
    path, one = claimed
    path.running(one)
    report(path, one)
    said = cost(database, lambda: report(path, one), "duplicate")
    assert (said.verbs, said.commits) == (["SELECT"], 1)


def test_a_batch_of_heartbeats_fetches_no_row(path: Path, database: Database) -> None:
    path.bind(*(task(str(number)) for number in range(20))).start()
    ids = path.queue()
    path.claim(ids)
    beat = {"task_instance_ids": ids, "next_report_increment": 60}
    with listening(database.engine) as said:
        assert path.post("/task_instance/log_report_by/batch", **beat).get_json()["applied"] == 20
    assert (said.verbs, said.commits) == (["SELECT", "UPDATE"], 1)


def batches(path: Path, ids: list[int]) -> dict[str, Callable[[], Any]]:
    """Every call about many instances, in the order of a life."""
    claim = "/task_instance/instantiate_task_instances"
    running = {"worker_id": "w", "nodename": "n", "process_group_id": 1, "next_report_increment": 60}
    end = [{"task_instance_id": one, "report": "log_done", "worker_id": "w"} for one in ids]
    start = [{"task_instance_id": one, "report": "log_running", **running} for one in ids]
    beat = "/task_instance/log_report_by/batch"
    measured = {"metrics": {"load": 1}, "attributes": {"a": 1}, "worker_id": "w", "next_report_increment": 60}
    brings = [{"task_instance_id": one, "report": "log_report_by", **measured} for one in ids]
    kill = [{"task_instance_id": one, "command": "kill"} for one in ids]
    return {
        "claim": lambda: path.post(claim, distributor="d", next_report_increment=60, task_instance_ids=ids),
        "running": lambda: path.post("/reports", reports=start),
        "heartbeat": lambda: path.post(beat, task_instance_ids=ids, next_report_increment=60),
        "measured": lambda: path.post("/reports", reports=brings),
        "told": lambda: path.post("/commands", items=kill),
        "asked": lambda: path.post(beat, task_instance_ids=ids, next_report_increment=60),
        "done": lambda: path.post("/reports", reports=end),
    }


def test_a_batch_costs_the_same_statements_and_one_write_more_for_each_64(
    path: Path, database: Database
) -> None:
    path.bind(*(task(str(number)) for number in range(600))).start()
    ids = path.queue()
    costs: dict[str, list[list[str]]] = {}
    for some in (ids[:10], ids[10:510]):
        for name, call in batches(path, some).items():
            with listening(database.engine) as said:
                reply = call()
            assert reply.status_code == 200
            assert len(reply.get_json()["outcomes"]) == (len(some) if name == "asked" else 0)
            costs.setdefault(name, []).append(said.verbs)
    for name, (few, many) in costs.items():
        assert [verb for verb, _ in groupby(many)] == [verb for verb, _ in groupby(few)], name
        pieces = -(-500 // SIZES[-1])
        assert many.count("UPDATE") <= pieces * few.count("UPDATE"), name
