"""How tasks are to be run, changed while nothing of them is under way: merged or replaced, alike or each its own."""

from __future__ import annotations

from typing import Any

import pytest

from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from jobmon_server.fsm.acts import CHANGEABLE
from tests.server.listening import listening
from tests.support.path import Path, task
from tests.support.situations import into


def change(path: Path, *names: str, status: int = 200, **facts: Any) -> Any:
    ids = [path.task_ids[name] for name in names]
    reply = path.post("/task/properties", task_ids=ids, **facts)
    assert reply.status_code == status, reply.get_json()
    return reply.get_json()


def read(path: Path, name: str) -> Any:
    return path.get(f"/task/{path.task_ids[name]}")


def test_what_is_changed_holds_for_the_next_attempt(path: Path, database: Database) -> None:
    path.bind(task("a", requested_resources={"memory": 1}), task("b")).start()
    path.error(path.run_one())
    new = {
        "command": "echo again",
        "cluster": "big",
        "queue": "long",
        "requested_resources": {"memory": 8},
        "fallback_queues": ["longer"],
        "resource_scales": {"memory": 0.5},
        "max_attempts": 7,
        "priority": 5,
    }
    said = change(path, "a", properties=new)
    assert (said["applied"], said["matched"], said["task_ids"]) == (1, 1, [path.task_ids["a"]])
    assert {name: read(path, "a")[name] for name in new} == new
    (one,) = path.queue(limit=1)
    instance = path.instance(one)
    assert (instance["name"], instance["cluster"], instance["queue"]) == ("a", "big", "long")
    assert instance["requested_resources"] == {"memory": 8}
    path.claim([one])
    assert path.running(one).get_json()["task_instance"]["command"] == "echo again"
    assert database.read(check) == []


def test_what_it_was_bound_as_is_kept_beside_what_it_is_now(path: Path) -> None:
    path.bind(task("a", queue="short", requested_resources={"memory": 1}), task("b"))
    assert read(path, "a")["bound_as"] is None
    change(path, "a", properties={"command": "false", "queue": "long"})
    change(path, "a", properties={"queue": "longer", "requested_resources": {"memory": 2}})
    now = read(path, "a")
    assert (now["command"], now["queue"], now["requested_resources"]) == ("false", "longer", {"memory": 2})
    assert now["bound_as"] == {"command": "true", "queue": "short", "requested_resources": {"memory": 1}}
    again = path.post(
        f"/workflow/{path.workflow_id}/tasks",
        tasks=[task("a", queue="short", requested_resources={"memory": 1})],
    ).get_json()
    assert again["differed"] == [], "it is still known by the definition that it was bound with"


def test_a_scaled_task_keeps_what_it_was_bound_as(path: Path) -> None:
    path.bind(task("other")).start()
    (one,) = into(path, "RESOURCE_ERROR", requested_resources={"memory": 2}, resource_scales={"memory": 1})
    now = path.get(f"/task/{path.instance(one)['task_id']}")
    assert (now["requested_resources"], now["bound_as"]) == (
        {"memory": 4},
        {"requested_resources": {"memory": 2}},
    )


def test_an_object_is_merged_member_by_member_or_replaced(path: Path) -> None:
    path.bind(task("a", requested_resources={"memory": 1, "gpu": {"kind": "x", "count": 2}, "hours": 3}))
    change(path, "a", properties={"requested_resources": {"gpu": {"count": 4}, "hours": None, "disk": [1]}})
    merged = {"memory": 1, "gpu": {"kind": "x", "count": 4}, "disk": [1]}
    assert read(path, "a")["requested_resources"] == merged
    change(path, "a", properties={"requested_resources": {"gpu": {"count": 1}}}, replace=True)
    assert read(path, "a")["requested_resources"] == {"gpu": {"count": 1}}
    change(path, "a", properties={"resource_scales": {"memory": 1, "gpu": None}})
    assert read(path, "a")["resource_scales"] == {"memory": 1}
    change(path, "a", properties={"requested_resources": None})
    assert read(path, "a")["requested_resources"] is None


@pytest.mark.parametrize(
    ("situation", "status"),
    [
        ("QUEUED", "QUEUED"),
        ("INSTANTIATED", "INSTANTIATING"),
        ("LAUNCHED", "LAUNCHED"),
        ("RUNNING", "RUNNING"),
        ("RESOURCE_ERROR", "ADJUSTING_RESOURCES"),
        ("DONE", "DONE"),
        ("ERROR_FATAL", "ERROR_FATAL"),
        ("ERROR", "REGISTERING"),
        ("KILL_SELF, orphan", "STOPPED"),
        ("ERROR_FATAL, withdrawn", "PAUSED"),
    ],
)
def test_it_is_changed_in_the_listed_statuses_and_others_are_told(
    path: Path, database: Database, situation: str, status: str
) -> None:
    path.bind(task("other")).start()
    (one,) = into(path, situation)
    name = path.instance(one)["name"]
    assert path.status(name) == status
    said = change(path, "other", name, properties={"queue": "long"})
    changed = [path.task_ids["other"], *([path.task_ids[name]] if status in CHANGEABLE else [])]
    assert said["task_ids"] == changed
    for entry in said["outcomes"]:
        assert (entry["outcome"], entry["status"]) == ("invalid", status)
        assert entry["problem"] == f"status: must be one of: {', '.join(sorted(CHANGEABLE))}"
    assert read(path, name)["queue"] == ("long" if status in CHANGEABLE else "")
    assert database.read(check) == []


def test_attempts_that_are_used_up_are_not_taken_away(path: Path, database: Database) -> None:
    path.bind(task("a"), task("b")).start()
    path.error(path.run_one())
    said = change(path, "a", properties={"max_attempts": 1})
    assert said["outcomes"][0]["problem"] == "max_attempts: must be at least 2, as 1 are used up"
    assert change(path, "a", properties={"max_attempts": 2})["applied"] == 1
    path.error(path.run_one())
    assert path.status("a") == "ERROR_FATAL"
    assert database.read(check) == []


def test_each_task_may_get_its_own_in_one_statement(path: Path, database: Database) -> None:
    path.bind(*(task(f"t{number}", queue="old") for number in range(1_000)))
    ids = list(path.task_ids.values())
    kinds: list[dict[str, Any]] = [{"priority": 1}, {"queue": "new", "priority": 2}, {"command": "echo"}]
    items = [{"task_id": one, "properties": kinds[place % 3]} for place, one in enumerate(ids)]
    with listening(database.engine) as said:
        reply = path.post("/task/properties", items=items).get_json()
    assert (reply["applied"], reply["matched"], reply["outcomes"]) == (1_000, 1_000, [])
    assert said.verbs.count("UPDATE") == 1
    found = [path.get(f"/task/{one}") for one in ids[:3]]
    assert [(one["priority"], one["queue"], one["command"]) for one in found] == [
        (1, "old", "true"),
        (2, "new", "true"),
        (0, "old", "echo"),
    ]


def test_the_same_value_is_matched_and_not_changed(path: Path) -> None:
    path.bind(task("a", queue="q"), task("b"))
    was = read(path, "a")
    said = change(path, "a", "b", properties={"queue": "q"})
    assert (said["matched"], said["applied"], said["task_ids"]) == (2, 1, [path.task_ids["b"]])
    assert [(entry["outcome"]) for entry in said["outcomes"]] == ["duplicate"]
    assert read(path, "a") == was


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"properties": {"status": "DONE"}}, "properties.status"),
        ({"properties": {"nonsense": 1}}, "properties.nonsense"),
        ({"properties": {"max_attempts": 0}}, "properties.max_attempts"),
        ({"properties": {"resource_scales": {"memory": -1}}}, "properties.resource_scales.memory"),
        ({}, "properties"),
        ({"properties": {}, "items": []}, "properties"),
        ({"items": [{"task_id": 1, "properties": {}}, {"task_id": 1, "properties": {}}]}, "items.0.task_id"),
    ],
)
def test_a_property_that_cannot_be_is_refused_and_changes_nothing(
    path: Path, body: dict[str, Any], field: str
) -> None:
    path.bind(task("a"))
    was = read(path, "a")
    ids = {} if "items" in body else {"task_ids": [path.task_ids["a"]]}
    reply = path.post("/task/properties", **ids, **body)
    assert (reply.status_code, reply.get_json()["error"]["details"][0]["field"]) == (422, field)
    assert read(path, "a") == was


def test_an_empty_list_is_no_fault_and_changes_nothing(path: Path) -> None:
    path.bind(task("a"))
    bodies: list[dict[str, Any]] = [{"items": []}, {"task_ids": [], "properties": {"queue": "q"}}]
    for body in bodies:
        said = path.post("/task/properties", **body).get_json()
        assert (said["applied"], said["matched"], said["outcomes"]) == (0, 0, [])


def test_a_filter_is_changed_and_a_preview_says_what_would_be(path: Path) -> None:
    path.bind(task("a"), task("b")).start()
    path.queue(limit=1)
    selected = {"filter": {"workflow_id": path.workflow_id}, "properties": {"priority": 3}}
    shown = path.post("/task/properties", **selected, preview=True).get_json()
    assert [entry["outcome"] for entry in shown["preview"]] == ["invalid", "applied"]
    assert read(path, "b")["priority"] == 0
    said = path.post("/task/properties", **selected, digest=shown["digest"]).get_json()
    assert said["task_ids"] == [path.task_ids["b"]]
    assert read(path, "b")["priority"] == 3
