"""Where a task stands in its queue, against counting by hand."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from jobmon_server.db.core.transaction import Database
from jobmon_server.fsm.task_instance import TASK_INSTANCE
from tests.server.listening import listening
from tests.support.path import Path, task
from tests.support.rows import read_rows

LIVE = {str(status) for status in TASK_INSTANCE.live}


def position(path: Path, task_id: int) -> tuple[int, int]:
    said = path.get(f"/task/{task_id}/position")
    return said["ahead"], said["total_active"]


def by_hand(path: Path, database: Database, task_id: int) -> tuple[int, int]:
    """Go through every instance there is."""
    rows = database.read(read_rows)
    of_queue = [
        (one, path.instance(one["id"])) for one in rows.task_instances.values() if str(one["status"]) in LIVE
    ]
    mine = [pair for pair in of_queue if pair[0]["task_id"] == task_id]
    if not mine:
        return 0, 0
    ((me, shown),) = mine
    same = [
        one for one, its in of_queue if (its["cluster"], its["queue"]) == (shown["cluster"], shown["queue"])
    ]
    if me["status"] != TASK_INSTANCE.initial:
        return 0, len(same)
    order = (-me["priority"], me["id"])
    ahead = [
        one for one in same if one["status"] != TASK_INSTANCE.initial or (-one["priority"], one["id"]) < order
    ]
    return len(ahead), len(same)


def test_what_is_live_is_ahead_then_who_is_claimed_first(path: Path) -> None:
    path.bind(*(task(name, priority=priority) for name, priority in zip("abcd", (0, 5, 5, 0), strict=True)))
    path.start()
    for name in "abcd":
        assert position(path, path.task_ids[name]) == (0, 0)
    ids = path.queue()
    found = {name: position(path, path.task_ids[name]) for name in "abcd"}
    assert found == {"b": (0, 4), "c": (1, 4), "a": (2, 4), "d": (3, 4)}
    last = max(ids)
    path.claim([last])
    assert position(path, path.task_ids["d"]) == (0, 4)
    assert position(path, path.task_ids["b"]) == (1, 4)
    path.running(last)
    assert position(path, path.task_ids["b"]) == (1, 4)
    path.done(last)
    assert position(path, path.task_ids["d"]) == (0, 0)
    assert position(path, path.task_ids["b"]) == (0, 3)


def test_another_cluster_or_queue_does_not_count(path: Path) -> None:
    places = {"a": ("one", ""), "b": ("one", "long"), "c": ("two", ""), "d": ("one", "")}
    path.bind(
        *(task(name, cluster=cluster, queue=queue) for name, (cluster, queue) in places.items() if queue)
    )
    path.add(*(task(name, cluster=cluster) for name, (cluster, queue) in places.items() if not queue)).start()
    path.queue()
    assert {name: position(path, path.task_ids[name]) for name in places} == {
        "a": (0, 2),
        "b": (0, 1),
        "c": (0, 1),
        "d": (1, 2),
    }
    assert path.get(f"/task/{path.task_ids['b']}/position") == {
        "task_id": path.task_ids["b"],
        "cluster": "one",
        "queue": "long",
        "ahead": 0,
        "total_active": 1,
    }


def test_an_unknown_task_is_404(path: Path) -> None:
    assert path.client.get("/api/v1/task/7/position").status_code == 404


@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_counting_by_hand_gives(path: Path, database: Database, seed: int) -> None:
    chance = random.Random(seed)
    steps: list[Callable[[Path, int], Any]] = [
        lambda path, one: path.claim([one]),
        lambda path, one: path.launch(one),
        lambda path, one: path.running(one),
        lambda path, one: path.done(one),
        lambda path, one: path.error(one),
        lambda path, one: path.post(f"/task/{path.instance(one)['task_id']}/stop"),
        lambda path, one: path.post(f"/task/{path.instance(one)['task_id']}/rerun"),
    ]
    tasks: list[int] = []
    for _ in range(2):
        path.bind(
            *(
                task(
                    f"t{number}",
                    cluster=chance.choice(["c", "C"]),
                    queue=chance.choice(["", "q"]),
                    priority=chance.choice([0, 0, 1]),
                )
                for number in range(12)
            )
        ).start()
        tasks += path.task_ids.values()
        ids = path.queue(limit=10)
        for one in ids:
            for step in steps[: chance.randrange(len(steps) + 1)]:
                if chance.random() < 0.7:
                    step(path, one)
        path.queue(limit=4)
    found = {one: position(path, one) for one in tasks}
    assert found == {one: by_hand(path, database, one) for one in tasks}
    assert len(set(found.values())) > 4


def test_a_task_that_does_not_wait_costs_one_point_read(path: Path, database: Database) -> None:
    path.bind(task("a"), task("b", "a")).start()
    with listening(database.engine) as said:
        position(path, path.task_ids["b"])
    assert said.verbs == ["SELECT"]
