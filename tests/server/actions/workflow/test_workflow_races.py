"""Acts and queueing against reports and one another: one order wins, nothing is made twice, nothing is lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, select

from jobmon_server.db.schema.tables import task_instance
from tests.server.actions.reporting.test_report_races import said
from tests.server.arena import ALIVE, RACES, Arena
from tests.support.path import Path, task

pytestmark = pytest.mark.race

pytestmark = pytest.mark.timeout(240)

#: How the two statements begin that move a workflow and a run.
MOVES = {"UPDATE workflow SET status": "workflow", "UPDATE workflow_run SET status": "workflow_run"}


def stop(path: Path, one: int) -> Any:
    """Stop the task of an instance."""
    return path.post(f"/task/{path.instance(one)['task_id']}/stop")


def stopped_or_not(arena: Arena) -> Any:
    """Both outcomes, instance and task."""

    def end(one: int, first: Any, second: Any) -> Any:
        instance = arena.path.instance(one)
        return said(first), said(second), instance["status"], instance["task_status"]

    return end


def test_done_against_stop(arena: Arena) -> None:
    ends = arena.run(arena.running(), Path.done, stop, stopped_or_not(arena))
    assert set(ends) == {
        ("applied", "invalid", "DONE", "DONE"),
        ("applied", "applied", "DONE", "STOPPED"),
    }


def test_instantiate_against_stop(arena: Arena) -> None:
    def claim(path: Path, one: int) -> Any:
        return [item["outcome"] for item in path.claim([one], ALIVE)["outcomes"]]

    def end(one: int, refused: Any, stopped: Any) -> Any:
        instance = arena.path.instance(one)
        return tuple(refused), said(stopped), instance["status"], instance["task_status"]

    ends = arena.run(arena.tasks(), claim, stop, end)
    assert set(ends) == {
        ((), "applied", "KILL_SELF", "STOPPED"),
        (("invalid",), "applied", "ERROR_FATAL", "STOPPED"),
    }


def workflows(arena: Arena, *tasks: dict[str, Any]) -> dict[int, Path]:
    """One started workflow for each race, by its id."""
    made = {}
    for _ in range(RACES):
        path = replace(arena.caller(), task_ids={}).bind(*tasks).start(ALIVE)
        made[path.workflow_id] = path
    return made


def started(arena: Arena, paths: dict[int, Path]) -> dict[int, list[int]]:
    """Queue and start all that is ready in each workflow; their instances, by workflow."""
    ids = {workflow_id: path.queue() for workflow_id, path in paths.items()}
    arena.start([one for some in ids.values() for one in some])
    return ids


def test_done_against_terminate(arena: Arena) -> None:
    paths = workflows(arena, task("a"), task("b"))
    ids = started(arena, paths)

    def terminate(path: Path, workflow_id: int) -> Any:
        return path.post(f"/workflow_run/{paths[workflow_id].run_id}/terminate")

    def end(workflow_id: int, done: Any, terminated: Any) -> Any:
        first, second = (arena.path.instance(one) for one in ids[workflow_id])
        assert (second["status"], paths[workflow_id].workflow()["status"]) == ("KILL_SELF", "HALTED")
        return said(done), terminated.get_json()["applied"], first["status"], first["task_status"]

    ends = arena.run(list(paths), lambda path, workflow_id: path.done(ids[workflow_id][0]), terminate, end)
    assert set(ends) == {("applied", 1, "DONE", "DONE"), ("applied", 2, "DONE", "DONE")}


def test_queue_against_queue(arena: Arena) -> None:
    paths = workflows(arena, task("a"), task("b"))

    def queue(path: Path, workflow_id: int) -> Any:
        return replace(path, run_id=paths[workflow_id].run_id).queue()

    def end(workflow_id: int, first: list[int], second: list[int]) -> Any:
        instances = [arena.path.instance(one) for one in {*first, *second}]
        assert Counter(one["attempt"] for one in instances) == {1: 2}
        assert {one["name"] for one in instances} == {"a", "b"}
        return len(first), len(second)

    assert set(arena.run(list(paths), queue, queue, end)) == {(2, 0), (0, 2)}


def test_two_last_dones(arena: Arena) -> None:
    paths = workflows(arena, task("a"), task("b"))
    ids = started(arena, paths)
    moved = Counter[str]()

    @event.listens_for(arena.database.engine, "after_cursor_execute")
    def count(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        for start, table in MOVES.items():
            moved[table] += statement.startswith(start)

    def end(workflow_id: int, first: Any, second: Any) -> Any:
        workflow = paths[workflow_id].workflow()
        return said(first), said(second), workflow["status"], workflow["workflow_run_status"]

    ends = arena.run(
        list(paths),
        lambda path, workflow_id: path.done(ids[workflow_id][0]),
        lambda path, workflow_id: path.done(ids[workflow_id][1]),
        end,
        reads=True,
    )
    assert set(ends) == {("applied", "applied", "DONE", "DONE")}
    assert moved == {"workflow": RACES, "workflow_run": RACES}


def test_the_claims_of_two_distributors(arena: Arena) -> None:
    arena.tasks(5 * RACES)

    def claim(name: str) -> Any:
        def call(path: Path, _: int) -> list[int]:
            reply = path.post(
                "/task_instance/instantiate_task_instances",
                distributor=name,
                next_report_increment=ALIVE,
                cluster="local",
                limit=2,
            ).get_json()
            return [one["task_instance_id"] for batch in reply["batches"] for one in batch["task_instances"]]

        return call

    taken = Counter[int]()

    def end(_: int, first: list[int], second: list[int]) -> Any:
        taken.update([*first, *second])
        return len(first), len(second)

    ends = arena.run(list(range(RACES)), claim("d1"), claim("d2"), end, reads=True)
    assert set(ends) == {(2, 2)}
    assert set(taken.values()) == {1}
    while rest := claim("d3")(arena.path, 0):
        taken.update(rest)
    assert set(taken.values()) == {1}
    assert len(taken) == 5 * RACES


def test_resume_against_resume(arena: Arena) -> None:
    paths = workflows(arena, task("a"))
    for path in paths.values():
        path.post(f"/workflow_run/{path.run_id}/terminate")

    def resume(path: Path, workflow_id: int) -> int:
        url = f"/workflow/{workflow_id}/workflow_run"
        return path.post(url, next_report_increment=ALIVE, resume="cold").status_code

    def end(workflow_id: int, first: int, second: int) -> Any:
        assert paths[workflow_id].workflow()["workflow_run_status"] == "BOUND"
        return first, second

    assert set(arena.run(list(paths), resume, resume, end, reruns=True)) == {(201, 409), (409, 201)}


def test_two_binds_of_one_request(arena: Arena) -> None:
    def bind(path: Path, number: int) -> Any:
        reply = path.post("/workflow", name="w", client_id="c", request_id=str(number))
        return reply.status_code, reply.get_json()["outcome"], reply.get_json()["workflow_id"]

    def end(_: int, first: Any, second: Any) -> Any:
        assert first[2] == second[2]
        return first[:2], second[:2]

    ends = arena.run(list(range(RACES)), bind, bind, end, reruns=True)
    assert set(ends) == {((201, "applied"), (200, "duplicate")), ((200, "duplicate"), (201, "applied"))}


def test_settle_against_queue(arena: Arena) -> None:
    paths = workflows(arena, task("a"), task("b", "a"), task("c", "a"), task("d", "b", "c"))
    ids = started(arena, paths)

    def queue(path: Path, workflow_id: int) -> list[int]:
        return replace(path, run_id=paths[workflow_id].run_id).queue()

    def end(workflow_id: int, done: Any, queued: list[int]) -> Any:
        path = paths[workflow_id]
        path.queue()
        left = [path.get(f"/task/{path.task_ids[name]}")["upstreams_left"] for name in "abcd"]
        assert left == [0, 0, 0, 2]
        statement = select(task_instance.c.attempt).where(task_instance.c.task_id.in_(path.task_ids.values()))
        assert arena.database.read(lambda connection: connection.execute(statement).scalars().all()) == [
            1,
            1,
            1,
        ]
        return said(done), len(queued)

    ends = arena.run(
        list(paths), lambda path, workflow_id: path.done(ids[workflow_id][0]), queue, end, reads=True
    )
    assert set(ends) == {("applied", 0), ("applied", 2)}


def test_a_batch_of_reports_against_queue(arena: Arena) -> None:
    """Queue passes on the DONE of the later task and then queues the earlier one; the batch takes them by id."""
    paths = workflows(arena, task("again"), task("done"), task("last", "done"), task("open"))
    ids = started(arena, paths)

    def prepare(workflow_id: int) -> None:
        arena.path.error(ids[workflow_id][0])
        arena.path.done(ids[workflow_id][1])

    def reports(path: Path, workflow_id: int) -> Any:
        done = {"report": "log_done", "worker_id": "worker-1"}
        items = [{"task_instance_id": one, **done} for one in ids[workflow_id]]
        return path.post("/reports", reports=items).get_json()

    def queue(path: Path, workflow_id: int) -> list[int]:
        return replace(path, run_id=paths[workflow_id].run_id).queue()

    def end(workflow_id: int, reply: Any, queued: list[int]) -> Any:
        return reply["applied"], tuple(one["outcome"] for one in reply["outcomes"]), len(queued)

    ends = arena.run(list(paths), reports, queue, end, prepare=prepare, releases=True)
    assert set(ends) == {(1, ("invalid", "duplicate"), 2)}
