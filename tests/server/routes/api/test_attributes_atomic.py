"""Attributes of many with `atomic`: all of them, or none."""

from __future__ import annotations

from typing import Any

import pytest

from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from tests.server.listening import listening
from tests.support.path import Path, task

BIG = {"big": "x" * 1_048_565}


def bound(path: Path) -> tuple[list[int], list[int]]:
    """Two workflows of two tasks each."""
    workflows: list[int] = []
    tasks: list[int] = []
    for _ in range(2):
        path.bind(task("a"), task("b"))
        workflows.append(path.workflow_id)
        tasks += path.task_ids.values()
    return workflows, tasks


def kept(path: Path, kind: str, ids: list[int]) -> list[Any]:
    return [path.get(f"/{kind}/{one}")["attributes"] for one in ids]


def change(path: Path, kind: str, ids: list[int], values: list[dict[str, Any]], **more: Any) -> Any:
    items = [{f"{kind}_id": one, "attributes": value} for one, value in zip(ids, values, strict=True)]
    return path.post(f"/{kind}/attributes", items=items, **more)


@pytest.mark.parametrize("kind", ["task", "workflow"])
def test_attributes_of_many_are_all_set_or_none(path: Path, database: Database, kind: str) -> None:
    workflows, tasks = bound(path)
    ids = tasks if kind == "task" else workflows
    values = [{"n": one} for one in ids]
    good = change(path, kind, ids, values, atomic=True)
    body = good.get_json()
    assert (good.status_code, body["applied"], body["matched"], body["left"]) == (200, len(ids), len(ids), 0)
    assert body[f"{kind}_ids"] == ids
    assert kept(path, kind, ids) == values
    refusals = [
        (change(path, kind, [*ids, 999], [{"n": 0}] * len(ids) + [{}], atomic=True), 999, "unknown"),
        (
            change(path, kind, ids, [{"n": 0}] * (len(ids) - 1) + [BIG], atomic=True),
            ids[-1],
            "attributes: must have at most 1048576 bytes as JSON",
        ),
    ]
    for reply, culprit, problem in refusals:
        body = reply.get_json()
        assert (reply.status_code, body["outcome"], body["applied"]) == (409, "invalid", 0)
        assert body["error"]["details"] == [{"what": kind, "id": culprit, "problem": problem}]
        assert "nothing was changed" in body["error"]["message"]
    assert kept(path, kind, ids) == values
    one_by_one = change(path, kind, ids, [{"n": 0}] * (len(ids) - 1) + [BIG]).get_json()
    assert one_by_one["applied"] == len(ids) - 1
    assert database.read(check) == []


def test_more_than_one_batch_of_several_workflows_is_one_transaction(path: Path, database: Database) -> None:
    ids: list[int] = []
    for _ in range(2):
        path.bind(*(task(f"t{number}") for number in range(600)))
        ids += path.task_ids.values()
    with listening(database.engine) as said:
        body = path.post("/task/attributes", task_ids=ids, attributes={"x": 1}, atomic=True).get_json()
    assert (body["applied"], said.verbs.count("UPDATE")) == (1_200, 1)
    again = path.post("/task/attributes", task_ids=ids, attributes={"x": 1}, atomic=True).get_json()
    assert (again["applied"], {one["outcome"] for one in again["outcomes"]}) == (0, {"duplicate"})
    too_many = path.post("/task/attributes", all=True, attributes={"x": 2}, atomic=True)
    assert (too_many.status_code, too_many.get_json()["matched"]) == (409, 1_200)


def test_what_became_another_undoes_all(path: Path) -> None:
    _, tasks = bound(path)
    asked = {"filter": {"status": "REGISTERING"}, "attributes": {"x": 1}}
    shown = path.post("/task/attributes", **asked, atomic=True, preview=True).get_json()
    assert (shown["matched"], shown["applied"]) == (4, 0)
    path.post(f"/task/{tasks[0]}/stop")
    late = path.post("/task/attributes", **asked, atomic=True, digest=shown["digest"])
    assert late.status_code == 409
    assert kept(path, "task", tasks) == [None] * 4
    assert path.post("/task/attributes", task_ids=tasks, attributes={}, atomic=1).status_code == 422
