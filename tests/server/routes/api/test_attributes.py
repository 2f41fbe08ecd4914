"""What users keep with tasks and workflows: merged or replaced in bulk, and found again by what it is now."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.clock import read_clock
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.attribute_index import attribute_digest
from jobmon_server.db.schema.tables import task as task_table
from jobmon_server.db.schema.tables import task_instance
from jobmon_server.db.schema.tables_control import task_attribute, workflow_attribute
from tests.server.listening import listening
from tests.support.path import Path, task


def change(path: Path, kind: str = "task", status: int = 200, **body: Any) -> Any:
    reply = path.post(f"/{kind}/attributes", **body)
    assert reply.status_code == status, reply.get_json()
    return reply.get_json()


def read(path: Path, name: str) -> Any:
    return path.get(f"/task/{path.task_ids[name]}")["attributes"]


def indexed(connection: Connection, table: Any = task_attribute) -> dict[tuple[int, str], str]:
    owner = next(iter(table.primary_key.columns))
    rows = connection.execute(select(owner, table.c.name, table.c.digest))
    return {(row[0], row.name): row.digest for row in rows}


def found(path: Path, **attributes: Any) -> list[int]:
    said = path.post("/task/stop", filter={"attributes": attributes}, preview=True).get_json()
    return [entry["task_id"] for entry in said["preview"]]


def test_attributes_are_merged_by_name(path: Path, database: Database) -> None:
    path.bind(task("a", attributes={"x": 1, "y": {"p": 1, "q": 2}}), task("b"))
    ids = list(path.task_ids.values())
    said = change(path, task_ids=ids, attributes={"y": {"q": None, "r": [3]}, "z": "new"})
    assert (said["applied"], said["matched"], said["task_ids"]) == (2, 2, ids)
    assert read(path, "a") == {"x": 1, "y": {"p": 1, "r": [3]}, "z": "new"}
    assert read(path, "b") == {"y": {"r": [3]}, "z": "new"}
    change(path, task_ids=ids[:1], attributes={"x": None})
    assert read(path, "a") == {"y": {"p": 1, "r": [3]}, "z": "new"}
    assert database.read(check) == []


def test_a_replacement_leaves_nothing_of_what_was(path: Path) -> None:
    path.bind(task("a", attributes={"x": 1, "y": 2}))
    change(path, task_ids=[path.task_ids["a"]], attributes={"z": 3}, replace=True)
    assert read(path, "a") == {"z": 3}
    change(path, task_ids=[path.task_ids["a"]], attributes={}, replace=True)
    assert read(path, "a") == {}


def test_a_task_is_found_by_what_its_attributes_are_now(path: Path, database: Database) -> None:
    path.bind(task("a", attributes={"run": "x", "n": 1}), task("b", attributes={"run": "y"}))
    one, other = path.task_ids["a"], path.task_ids["b"]
    assert (found(path, run="x"), found(path, run="y")) == ([one], [other])
    change(path, items=[{"task_id": one, "attributes": {"run": "y"}}])
    assert (found(path, run="x"), found(path, run="y"), found(path, n=1)) == ([], [one, other], [one])
    assert database.read(indexed) == {
        (one, "run"): attribute_digest("y"),
        (one, "n"): attribute_digest(1),
        (other, "run"): attribute_digest("y"),
    }


def test_each_may_get_its_own_and_all_is_one_statement(path: Path, database: Database) -> None:
    path.bind(*(task(f"t{number}", attributes={"kept": number}) for number in range(1_000)))
    ids = list(path.task_ids.values())
    items = [{"task_id": one, "attributes": {f"n{place % 7}": place}} for place, one in enumerate(ids)]
    with listening(database.engine) as said:
        reply = change(path, items=items)
    assert (reply["applied"], reply["matched"]) == (1_000, 1_000)
    assert said.verbs.count("UPDATE") == 1
    assert [read(path, f"t{number}") for number in (0, 8)] == [{"kept": 0, "n0": 0}, {"kept": 8, "n1": 8}]
    assert len(database.read(indexed)) == 2_000


def test_the_same_value_counts_as_matched(path: Path) -> None:
    path.bind(task("a", attributes={"x": 1}), task("b", attributes={"x": True}))
    ids = list(path.task_ids.values())
    was = path.get(f"/task/{ids[0]}")
    said = change(path, task_ids=ids, attributes={"x": 1})
    assert (said["matched"], said["applied"], said["task_ids"]) == (2, 1, ids[1:])
    assert [(entry["task_id"], entry["outcome"]) for entry in said["outcomes"]] == [(ids[0], "duplicate")]
    assert path.get(f"/task/{ids[0]}") == was
    assert read(path, "b") == {"x": 1}
    assert read(path, "b")["x"] is not True


def test_an_unknown_id_is_told_and_the_others_are_changed(path: Path) -> None:
    path.bind(task("a"))
    one = path.task_ids["a"]
    items = [{"task_id": one, "attributes": {"x": 1}}, {"task_id": 999, "attributes": {"x": 2}}]
    said = change(path, items=items)
    assert (said["task_ids"], said["matched"]) == ([one], 1)
    assert said["outcomes"] == [{"task_id": 999, "outcome": "unknown", "status": None, "problem": None}]


def test_the_servers_own_columns_are_not_among_them(path: Path, database: Database) -> None:
    path.bind(task("a"), task("b", "a")).start()
    one = path.run_one()
    was = path.get(f"/task/{path.task_ids['a']}")
    own = {"status": "DONE", "priority": 9, "num_attempts": 7, "upstreams_left": 3, "accounting": "DONE"}
    change(path, task_ids=list(path.task_ids.values()), attributes=own)
    now = path.get(f"/task/{path.task_ids['a']}")
    kept = was.keys() - {"attributes", "updated_at"}
    assert {name: now[name] for name in kept} == {name: was[name] for name in kept}
    assert (now["attributes"], path.instance(one)["accounting"]) == (own, "PENDING")
    assert database.read(check) == []


@pytest.mark.parametrize("place", ["many", "few"])
def test_attributes_of_workflows_are_changed_alike(path: Path, database: Database, place: str) -> None:
    made = []
    for number in range(2):
        path.bind(task("a"), attributes={"n": number})
        made.append(path.workflow_id)
    if place == "many":
        said = change(path, "workflow", filter={"workflow_id": made}, attributes={"who": "me"})
    else:
        items = [{"workflow_id": one, "attributes": {"who": "me"}} for one in [*made, 999]]
        said = change(path, "workflow", items=items)
        assert [(one["workflow_id"], one["outcome"]) for one in said["outcomes"] if not one["status"]] == [
            (999, "unknown")
        ]
    assert (said["workflow_ids"], said["matched"], said["applied"]) == (made, 2, 2)
    assert path.workflow()["attributes"] == {"n": 1, "who": "me"}
    index = database.read(indexed, workflow_attribute)
    assert {one for one, name in index if name == "who"} == set(made)
    again = change(path, "workflow", workflow_ids=made, attributes={"who": "me"})
    assert (again["applied"], again["matched"]) == (0, 2)


def test_an_empty_batch_is_no_fault_and_changes_nothing(path: Path) -> None:
    path.bind(task("a"))
    for kind in ("task", "workflow"):
        bodies: list[dict[str, Any]] = [{"items": []}, {f"{kind}_ids": [], "attributes": {"x": 1}}]
        for body in bodies:
            said = change(path, kind, **body)
            assert (said["applied"], said["matched"], said["outcomes"]) == (0, 0, [])
    for target in ("/task/inputs", "/task_instance/accounting"):
        assert path.post(target, items=[]).get_json() == {"applied": 0, "matched": 0, "outcomes": []}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"items": [{"task_id": 1, "attributes": [1]}]}, "items.0.attributes"),
        ({"items": [{"task_id": 1, "attributes": {}, "priority": 1}]}, "items.0.priority"),
        ({"items": [{"task_id": 1, "attributes": {}}] * 2}, "items.0.task_id"),
        ({"items": [], "task_ids": [1]}, "task_ids"),
        ({"task_ids": [1]}, "attributes"),
        ({"attributes": {"x": 1}}, "task_ids"),
    ],
)
def test_what_cannot_be_is_refused_by_name(path: Path, body: dict[str, Any], field: str) -> None:
    path.bind(task("a"))
    said = change(path, status=422, **body)
    assert said["error"]["details"][0]["field"] == field
    assert read(path, "a") is None


def test_what_grows_too_large_is_refused_and_the_rest_is_changed(path: Path) -> None:
    path.bind(task("a"), task("b", attributes={"big": "x" * 1_000_000}))
    ids = list(path.task_ids.values())
    said = change(path, task_ids=ids, attributes={"more": "y" * 60_000})
    assert said["task_ids"] == ids[:1]
    (refused,) = said["outcomes"]
    assert (refused["outcome"], refused["problem"]) == (
        "invalid",
        "attributes: must have at most 1048576 bytes as JSON",
    )


def test_very_large_ones_are_written_in_pieces(path: Path, database: Database) -> None:
    path.bind(*(task(f"t{number}") for number in range(12)))
    ids = list(path.task_ids.values())
    items = [{"task_id": one, "attributes": {"big": str(one) * 900_000}} for one in ids[:9]]
    with listening(database.engine) as said:
        assert change(path, items=items)["applied"] == 9
    assert said.verbs.count("UPDATE") > 1
    assert read(path, "t4") == {"big": str(ids[4]) * 900_000}


def test_times_are_the_databases_and_move_with_a_change_alone(path: Path, database: Database) -> None:
    path.bind(task("a"))
    statement = select(task_table.c.updated_at)
    was = database.read(lambda connection: connection.execute(statement).scalar_one())
    before = database.read(read_clock)
    change(path, task_ids=[path.task_ids["a"]], attributes={"x": 1})
    after = database.read(read_clock)
    now = database.read(lambda connection: connection.execute(statement).scalar_one())
    assert was < before <= now <= after


def test_the_time_of_a_status_moves_with_the_status_alone(path: Path, database: Database) -> None:
    path.bind(task("a"), task("b")).start()
    one = path.run_one()
    was = path.instance(one)["status_at"]
    path.beat(one)
    change(path, task_ids=list(path.task_ids.values()), attributes={"x": 1})
    path.post("/task_instance/accounting", items=[{"task_instance_id": one, "accounting": "FAILED"}])
    assert path.instance(one)["status_at"] == was
    path.done(one)
    assert path.instance(one)["status_at"] > was
    count = select(func.count()).select_from(task_instance)
    assert database.read(lambda connection: connection.execute(count).scalar_one()) == 1
