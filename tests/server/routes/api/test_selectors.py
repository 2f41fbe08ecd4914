"""One thing by what is known of it, what a read model shows, and dates that mean a whole period."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Update, update

from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables import task as tasks
from jobmon_server.db.schema.tables import task_instance
from tests.server.listening import listening
from tests.support.path import Path, task


def refused(client: FlaskClient, target: str) -> tuple[int, str]:
    reply = client.get(f"/api/v1{target}")
    error = reply.get_json()["error"]
    return reply.status_code, error["details"][0].get("problem", "")


def change(database: Database, statement: Update) -> None:
    database.transact(lambda connection: connection.execute(statement))


@pytest.mark.parametrize("target", ["/task_instance/find", "/workflow/find"])
@pytest.mark.parametrize("query", ["", "task_id=1&task_instance_id=1"])
def test_a_selector_is_exactly_one(path: Path, client: FlaskClient, target: str, query: str) -> None:
    path.bind(task("a")).start()
    path.queue()
    code, problem = refused(client, f"{target}?{query}")
    assert (code, problem.split(" of ")[0]) == (422, "give exactly one")


def test_a_task_without_an_attempt_is_its_last_one(path: Path, client: FlaskClient) -> None:
    path.bind(task("a")).start()
    first = path.run_one()
    path.error(first)
    second = path.run_one()
    of_task = path.task_ids["a"]
    found = {
        "": second,
        "&attempt=last": second,
        "&attempt=1": first,
        "&attempt=2": second,
    }
    for attempt, one in found.items():
        assert path.get(f"/task_instance/find?task_id={of_task}{attempt}")["task_instance_id"] == one
    assert refused(client, f"/task_instance/find?task_id={of_task}&attempt=3")[0] == 404
    assert refused(client, f"/task_instance/find?task_id={of_task}&attempt=0")[0] == 422
    assert refused(client, "/task_instance/find?task_instance_id=1&attempt=1") == (422, "goes with task_id")
    assert path.get(f"/task/{of_task}")["retried_at"] == path.instance(second)["queued_at"]
    assert path.get(f"/task?task_id={of_task}&fields=retried_at")["tasks"] == [
        {"retried_at": path.instance(second)["queued_at"]}
    ]


def test_an_instance_is_found_by_the_clusters_id_and_the_newest_where_it_was_used_again(
    path: Path, client: FlaskClient, database: Database
) -> None:
    path.bind(*(task(name) for name in "abc")).start()
    first, second, third = path.queue()
    for one, known in ((first, "77"), (second, "77"), (third, "78_4")):
        row = update(task_instance).where(task_instance.c.id == one).values(distributor_id=known)
        change(database, row)
    for known, one in {"77": second, "78_4": third, "78": third}.items():
        assert path.get(f"/task_instance/find?distributor_id={known}")["task_instance_id"] == one
    assert refused(client, "/task_instance/find?distributor_id=7")[0] == 404


def test_a_workflow_is_found_by_any_of_its_members(path: Path, client: FlaskClient) -> None:
    path.bind(task("other"))
    path.bind(task("a"), configuration="config.toml").start()
    (one,) = path.queue()
    for query in (
        f"workflow_id={path.workflow_id}",
        f"task_id={path.task_ids['a']}",
        f"task_instance_id={one}",
    ):
        assert path.get(f"/workflow/find?{query}") == path.workflow()
    assert path.workflow()["configuration"] == "config.toml"
    assert [refused(client, f"/workflow/find?{kind}=99")[0] for kind in ("task_id", "task_instance_id")] == [
        404,
        404,
    ]


def test_an_instance_is_told_with_its_history_or_without(path: Path, client: FlaskClient) -> None:
    path.bind(task("a")).start()
    one = path.run_one()
    path.error(one)
    light, whole = path.instance(one), path.get(f"/task_instance/{one}?detail=full")
    assert {**light, "journal": whole["journal"], "task_instance_error_log": path.errors(one)} == whole
    assert [row["to"] for row in whole["journal"]] == [
        "QUEUED",
        "INSTANTIATED",
        "LAUNCHED",
        "RUNNING",
        "ERROR",
    ]
    assert refused(client, "/task_instance/99?detail=full")[0] == 404
    assert refused(client, f"/task_instance/{one}?detail=all")[0] == 422


def test_commands_of_many_tasks_and_who_is_missing(path: Path, database: Database) -> None:
    path.bind(task("a", command="echo a"), task("b", command="echo b"))
    first, second = path.task_ids.values()
    with listening(database.engine) as said:
        found = path.post("/task/commands", task_ids=[second, 99, first, second, 98]).get_json()
    assert found["commands"] == [
        {"task_id": second, "command": "echo b"},
        {"task_id": first, "command": "echo a"},
    ]
    assert (found["missing"], said.verbs) == ([98, 99], ["SELECT"])
    assert path.post("/task/commands", task_ids=[]).get_json() == {"commands": [], "missing": []}


def test_the_tasks_of_many_workflows_in_one_call(path: Path) -> None:
    wanted = {}
    for _ in range(3):
        path.bind(task("a"), task("b"))
        wanted[path.workflow_id] = sorted(path.task_ids.values())
    del wanted[1]
    found: dict[int, list[int]] = {}
    document = {
        "filter": {"workflow_id": [*wanted, 99]},
        "fields": ["workflow_id", "task_id"],
        "sort": ["task_id"],
    }
    for row in path.post("/task/search", **document).get_json()["tasks"]:
        found.setdefault(row["workflow_id"], []).append(row["task_id"])
    assert found == wanted


def test_a_task_has_a_type_and_a_group_and_a_place(path: Path) -> None:
    path.bind(task("plain"), task("own", type="fit", array="north", cluster="c", queue="q"))
    shown = {row["name"]: row for row in path.get("/task")["tasks"]}
    assert [shown["plain"][name] for name in ("type", "array", "cluster", "queue")] == [
        "command",
        "",
        "local",
        "",
    ]
    assert [shown["own"][name] for name in ("type", "array", "cluster", "queue")] == [
        "fit",
        "north",
        "c",
        "q",
    ]
    assert path.get(f"/task/{path.task_ids['own']}")["type"] == "fit"


def test_times_of_an_attempt_are_told_apart(path: Path) -> None:
    path.bind(task("a")).start()
    one = path.run_one()
    path.beat(one)
    shown = path.instance(one)
    assert shown["queued_at"] < shown["status_at"] < shown["heartbeat_at"]
    (row,) = path.get("/task_instance")["task_instances"]
    assert {name: row[name] for name in ("queued_at", "status_at", "heartbeat_at")} == {
        name: shown[name] for name in ("queued_at", "status_at", "heartbeat_at")
    }


INSTANTS = [
    *(
        "2023-12-31 23:59:59.999999",
        "2024-01-01 00:00:00",
        "2024-02-28 23:59:59.999999",
        "2024-02-29 00:00:00",
    ),
    *(
        "2024-02-29 23:59:59.999999",
        "2024-03-01 00:00:00",
        "2024-12-31 23:59:59.999999",
        "2025-01-01 00:00:00",
    ),
]


@pytest.fixture
def dated(path: Path, database: Database) -> Path:
    """A task for each instant, named by its number."""
    path.bind(*(task(str(number)) for number in range(len(INSTANTS))))
    for number, instant in enumerate(INSTANTS):
        row = (
            update(tasks)
            .where(tasks.c.name == str(number))
            .values(created_at=datetime.fromisoformat(instant))
        )
        change(database, row)
    return path


@pytest.mark.parametrize(
    ("value", "before", "within"),
    [
        ("2024", 1, 6),
        ("2024-01", 1, 1),
        ("2024-02", 2, 3),
        ("2024-02-28", 2, 1),
        ("2024-02-29", 3, 2),
        ("2024-12", 6, 1),
        ("2025", 7, 1),
        ("2023-12-31", 0, 1),
        ("2024-02-28T23:59Z", 2, 1),
        ("2024-02-29T00:00Z", 3, 1),
        ("2024-02-29T00:00:00Z", 3, 1),
        ("2024-02-29T00:00:00.000001Z", 4, 0),
        ("2024-02-29T01:00:00+01:00", 3, 1),
        ("2024-02-28T19:00-05:00", 3, 1),
    ],
)
def test_a_partial_date_is_its_whole_period(dated: Path, value: str, before: int, within: int) -> None:
    def count(operator: str, wanted: Any = value) -> Any:
        search = [{"field": "created_at", "operator": operator, "value": wanted}]
        return dated.post("/task/count", search=search).get_json()["count"]

    total = len(INSTANTS)
    assert (count("eq"), count("neq")) == (within, total - within)
    assert (count("lt"), count("gt")) == (before, total - before - within)
    assert (count("le"), count("ge")) == (before + within, total - before)
    assert (count("in", [value]), count("not_in", [value])) == (within, total - within)


def test_both_bounds_of_a_range_hold(dated: Path) -> None:
    def names(query: str) -> list[str]:
        return [row["name"] for row in dated.get(f"/task?sort=created_at&{query}")["tasks"]]

    assert names("created_after=2024-02-29&created_before=2024-12") == ["3", "4", "5"]
    assert names("created_before=2024-12&created_after=2024-02-29") == ["3", "4", "5"]
    assert names("created_after=2025&created_before=2024") == []
