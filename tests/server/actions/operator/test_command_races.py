"""Commands under contention: each is told at least once, acknowledged exactly once, and none is ever lost.

One of the reference systems reads the waiting commands of its jobs, then marks all rows of these jobs as sent: what is asked
for in between is never told.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.actions.reporting.test_report_races import heartbeat, said
from tests.server.arena import Arena
from tests.support.path import ME, Path

pytestmark = pytest.mark.race

pytestmark = pytest.mark.timeout(240)
ALIVE = 3600


def ask(path: Path, one: int) -> Any:
    """An operator asks for one more command."""
    return path.post(f"/task_instance/{one}/commands", command="kill")


def commands(arena: Arena, one: int) -> list[Any]:
    """Every command of an instance."""
    return list(arena.path.get(f"/task_instance/{one}/commands")["commands"])


def ids(some: Any) -> list[int]:
    """What was told, or what there is."""
    return [one["command_id"] for one in some]


def acknowledge_all(path: Path, one: int) -> Any:
    """A worker acknowledges what its last heartbeat brought, with the next."""
    told = heartbeat(path, one).get_json()["commands"]
    given = [{"command_id": command_id} for command_id in ids(told)]
    return path.beat(one, ME, ALIVE, acknowledged=given)


def test_a_command_asked_for_between_telling_and_acknowledging_is_not_lost(arena: Arena) -> None:
    def end(one: int, taken: Any, asked: Any) -> Any:
        first, second = commands(arena, one)
        left = heartbeat(arena.path, one).get_json()["commands"]
        told = {*ids(taken.get_json().get("acknowledged", [])), *ids(left)}
        assert told == {first["command_id"], second["command_id"]}, "one was never told"
        assert first["status"] == "ACKNOWLEDGED"
        return said(taken), said(asked), second["status"]

    ends = arena.run(
        arena.running(), acknowledge_all, ask, end, prepare=lambda one: said(ask(arena.path, one))
    )
    assert {(first, second) for first, second, _ in ends} == {("applied", "applied")}


def test_two_heartbeats_at_once_may_both_tell_a_command_which_is_acknowledged_once(arena: Arena) -> None:
    def end(one: int, first: Any, second: Any) -> Any:
        (listed,) = commands(arena, one)
        assert ids(first.get_json()["commands"]) == ids(second.get_json()["commands"]) == ids([listed])
        return said(first), said(second), listed["num_deliveries"]

    ends = arena.run(
        arena.running(), heartbeat, heartbeat, end, prepare=lambda one: said(ask(arena.path, one))
    )
    assert set(ends) == {("applied", "applied", 2)}


def test_of_two_acknowledgements_at_once_one_counts(arena: Arena) -> None:
    def by_agent(path: Path, one: int) -> Any:
        given = [{"command_id": command_id} for command_id in ids(commands(arena, one))]
        return path.post("/commands/acknowledge", acknowledgements=given)

    def by_worker(path: Path, one: int) -> Any:
        given = [{"command_id": command_id} for command_id in ids(commands(arena, one))]
        return path.beat(one, ME, ALIVE, acknowledged=given)

    def end(one: int, agent: Any, worker: Any) -> Any:
        (outcome,) = worker.get_json()["acknowledged"]
        assert arena.path.instance(one)["pending_commands"] == 0
        return agent.get_json()["applied"], outcome["outcome"]

    ends = arena.run(
        arena.running(),
        by_agent,
        by_worker,
        end,
        prepare=lambda one: said(ask(arena.path, one)),
        reads=True,
    )
    assert set(ends) == {(1, "duplicate"), (0, "applied")}


def test_a_command_against_the_end_of_its_instance(arena: Arena) -> None:
    def end(one: int, asked: Any, done: Any) -> Any:
        return said(asked), said(done), tuple(row["status"] for row in commands(arena, one))

    ends = arena.run(arena.running(), ask, Path.done, end)
    assert set(ends) == {("applied", "applied", ("OBSOLETE",)), ("invalid", "applied", ())}


def test_the_same_request_at_once_is_one_command(arena: Arena) -> None:
    def once(path: Path, one: int) -> Any:
        return path.post(f"/task_instance/{one}/commands", command="kill", request_id="r")

    def end(one: int, first: Any, second: Any) -> Any:
        assert ids([first.get_json()]) == ids([second.get_json()]) == ids(commands(arena, one))
        return said(first), said(second)

    ends = arena.run(arena.running(), once, once, end)
    assert set(ends) == {("applied", "duplicate"), ("duplicate", "applied")}


def test_commands_to_many_against_reports_of_many(arena: Arena) -> None:
    instances = arena.running()
    some = instances[:20]
    items = [{"task_instance_id": one, "command": "kill"} for one in some]

    def ask_all(path: Path, _: int) -> Any:
        return path.post("/commands", items=items)

    def beat_all(path: Path, _: int) -> Any:
        url = "/task_instance/log_report_by/batch"
        told = path.post(url, task_instance_ids=some, next_report_increment=ALIVE).get_json()["outcomes"]
        given = [{"command_id": command_id} for one in told for command_id in ids(one.get("commands", []))]
        return path.post("/commands/acknowledge", acknowledgements=given)

    def end(_: int, asked: Any, taken: Any) -> Any:
        beat_all(arena.path, 0)
        waiting = {arena.path.instance(one)["pending_commands"] for one in some}
        return asked.get_json()["applied"], taken.status_code, tuple(waiting)

    ends = arena.run(instances[:40], ask_all, beat_all, end, reads=True)
    assert set(ends) == {(20, 200, (0,))}
