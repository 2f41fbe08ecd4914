"""Named inputs of tasks, and the accounting of attempts: stored as they are told, and decided by nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from jobmon_client.states import AccountingStatus, InputStatus
from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from tests.server.listening import listening
from tests.support.path import Path, task


def inputs(path: Path, name: str) -> dict[str, str]:
    rows = path.get(f"/task/{path.task_ids[name]}")["inputs"]
    return {row["name"]: row["status"] for row in rows}


def say(path: Path, **statuses: str) -> Any:
    items = [
        {"task_id": path.task_ids["a"], "name": name, "status": status} for name, status in statuses.items()
    ]
    return path.post("/task/inputs", items=items).get_json()


def test_a_task_is_bound_with_inputs_that_nobody_has_looked_for(path: Path) -> None:
    path.bind(task("a", inputs=["data.csv", "Data.csv", "é😀"]), task("b"))
    assert inputs(path, "a") == {"data.csv": "UNCHECKED", "Data.csv": "UNCHECKED", "é😀": "UNCHECKED"}
    assert inputs(path, "b") == {}


def test_an_input_named_twice_is_refused_and_binds_nothing(path: Path) -> None:
    path.bind(task("kept"))
    bad = task("a", inputs=["x", "y", "x"])
    reply = path.post(f"/workflow/{path.workflow_id}/tasks", tasks=[task("b"), bad])
    (detail,) = reply.get_json()["error"]["details"]
    assert (reply.status_code, detail["field"]) == (422, "tasks.1.inputs")
    assert "'x'" in detail["problem"]
    assert path.workflow()["tasks"] == {"REGISTERING": 1}


def test_inputs_are_inserted_by_one_statement_for_each_thousand(path: Path, database: Database) -> None:
    path.bind(task("kept"))
    tasks = [task(f"t{number}", inputs=["x", "y"]) for number in range(1_000)]
    with listening(database.engine) as said:
        path.add(*tasks)
    assert sum("task_input" in statement for statement, _ in said.statements) == 2
    assert inputs(path, "t999") == {"x": "UNCHECKED", "y": "UNCHECKED"}


def test_what_is_found_out_about_inputs_is_told_of_each(path: Path, database: Database) -> None:
    path.bind(task("a", inputs=["x", "y", "z"])).start()
    said = say(path, x="AVAILABLE", y="MISSING", z="UNCHECKED", other="MISSING")
    one = path.task_ids["a"]
    assert (said["applied"], said["matched"]) == (2, 3)
    assert said["outcomes"] == [
        {"task_id": one, "name": "z", "outcome": "duplicate", "status": "UNCHECKED"},
        {"task_id": one, "name": "other", "outcome": "unknown", "status": None},
    ]
    assert inputs(path, "a") == {"x": "AVAILABLE", "y": "MISSING", "z": "UNCHECKED"}
    assert len(path.queue()) == 1, "nothing here is decided by inputs"
    assert database.read(check) == []


def test_inputs_of_many_workflows_are_told_in_one_call(path: Path) -> None:
    items = []
    for _ in range(3):
        path.bind(task("a", inputs=["x"]))
        items.append({"task_id": path.task_ids["a"], "name": "x", "status": "AVAILABLE"})
    said = path.post("/task/inputs", items=[*items, {"task_id": 999, "name": "x", "status": "MISSING"}])
    assert (said.get_json()["applied"], said.get_json()["matched"]) == (3, 3)
    assert inputs(path, "a") == {"x": "AVAILABLE"}


@pytest.mark.parametrize("status", list(AccountingStatus))
def test_accounting_is_one_of_three_and_read_back_as_it_was_told(path: Path, status: str) -> None:
    path.bind(task("a"), task("b")).start()
    one, other = path.queue()
    assert path.instance(one)["accounting"] == "PENDING"
    said = path.post("/task_instance/accounting", items=[{"task_instance_id": one, "accounting": status}])
    assert said.get_json()["applied"] == (status != "PENDING")
    assert (path.instance(one)["accounting"], path.instance(other)["accounting"]) == (status, "PENDING")


def test_accounting_of_many_is_one_statement(path: Path, database: Database) -> None:
    path.bind(*(task(f"t{number}") for number in range(300))).start()
    ids = path.queue()
    words = list(AccountingStatus)
    items: list[dict[str, Any]] = [
        {"task_instance_id": one, "accounting": words[place % 3]} for place, one in enumerate(ids)
    ]
    with listening(database.engine) as said:
        reply = path.post(
            "/task_instance/accounting", items=[*items, {**items[0], "task_instance_id": 9_999}]
        )
    body = reply.get_json()
    assert (body["applied"], body["matched"], len(body["outcomes"])) == (200, 300, 101)
    assert said.verbs == ["SELECT", "UPDATE"]
    assert [path.instance(one)["accounting"] for one in ids[:3]] == words
    assert database.read(check) == []


@pytest.mark.parametrize("words", [AccountingStatus, InputStatus])
def test_a_word_that_is_none_is_refused(path: Path, words: Any) -> None:
    path.bind(task("a", inputs=["x"])).start()
    (one,) = path.queue()
    if words is AccountingStatus:
        reply = path.post(
            "/task_instance/accounting", items=[{"task_instance_id": one, "accounting": "True"}]
        )
    else:
        item = {"task_id": path.task_ids["a"], "name": "x", "status": "True"}
        reply = path.post("/task/inputs", items=[item])
    (detail,) = reply.get_json()["error"]["details"]
    assert (reply.status_code, detail["problem"]) == (422, f"must be one of: {', '.join(words)}")
