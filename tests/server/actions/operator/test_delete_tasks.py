"""Deleting tasks: never what may still run, by force what others wait for; nothing is left behind."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables import edge, task_instance
from jobmon_server.db.schema.tables_control import task_attribute, task_input
from jobmon_server.db.schema.tables_records import journal
from tests.support.path import Path, task
from tests.support.situations import into

CHAIN = (task("a"), task("b", "a"), task("c", "b"))


def delete(path: Path, name: str, code: int = 200, **facts: Any) -> Any:
    reply = path.post(f"/task/{path.task_ids[name]}/delete", **facts)
    assert reply.status_code == code, reply.get_json()
    return reply.get_json()


def names(path: Path) -> set[str]:
    return {row["name"] for row in path.get(f"/workflow/{path.workflow_id}/tasks")["tasks"]}


def test_a_task_goes_with_all_that_belongs_to_it(path: Path, database: Database) -> None:
    path.bind(task("z"), task("a", "z", attributes={"x": 1}, inputs=["in"])).start()
    path.done(path.run_one())
    path.error(path.run_one())
    (one,) = path.queue()
    path.act("stop", "a")
    said = delete(path, "a", reason="never needed")
    assert (said["outcome"], said["task_ids"]) == ("applied", [path.task_ids["a"]])
    assert path.client.get(f"/api/v1/task/{path.task_ids['a']}").status_code == 404
    assert path.done(one).get_json()["outcome"] == "unknown"
    counts = [select(func.count()).select_from(table) for table in (edge, task_attribute, task_input)]
    left = database.read(lambda connection: [connection.execute(count).scalar_one() for count in counts])
    assert left == [0, 0, 0]
    assert path.workflow()["status"] == "DONE"
    assert database.read(check) == []


def test_a_name_that_was_deleted_is_bound_again_as_another_task(path: Path) -> None:
    path.bind(task("a"), task("b"))
    was = path.task_ids["a"]
    delete(path, "a")
    path.add(task("a"))
    assert (path.task_ids["a"] != was, path.status("a")) == (True, "REGISTERING")


def test_what_others_wait_for_goes_by_force_alone(path: Path, database: Database) -> None:
    path.bind(*CHAIN)
    said = delete(path, "b", 409)
    assert (said["outcome"], "'c'" in said["error"]["message"]) == ("invalid", True)
    assert names(path) == {"a", "b", "c"}
    assert delete(path, "b", force=True)["outcome"] == "applied"
    assert path.get(f"/task/{path.task_ids['c']}")["upstreams_left"] == 0
    assert database.read(check) == []
    path.start()
    assert {path.instance(one)["name"] for one in path.queue()} == {"a", "c"}


def test_a_done_that_was_passed_on_is_not_counted_twice(path: Path, database: Database) -> None:
    path.bind(task("a"), task("b"), task("c", "a", "b")).start()
    path.done(path.run_one())
    path.post(f"/workflow/{path.workflow_id}/recompute")
    delete(path, "a", force=True)
    assert path.get(f"/task/{path.task_ids['c']}")["upstreams_left"] == 1
    delete(path, "b", force=True)
    assert path.get(f"/task/{path.task_ids['c']}")["upstreams_left"] == 0
    assert database.read(check) == []


@pytest.mark.parametrize("situation", ["QUEUED", "RUNNING", "KILL_SELF", "KILL_SELF, orphan"])
def test_what_may_still_run_is_not_deleted_by_force_either(
    path: Path, database: Database, situation: str
) -> None:
    path.bind(task("other")).start()
    (one,) = into(path, situation)
    name = path.instance(one)["name"]
    for forced in (False, True):
        said = delete(path, name, 409, force=forced)
        assert (said["outcome"], "stop it" in said["error"]["message"]) == ("invalid", True)
    assert path.instance(one)["status"] == situation.partition(",")[0]
    assert database.read(check) == []


def test_what_was_stopped_is_deleted_once_its_end_is_confirmed(path: Path, database: Database) -> None:
    path.bind(task("a")).start()
    one = path.run_one()
    path.act("stop", "a")
    delete(path, "a", 409)
    path.error(one, "ERROR_FATAL")
    assert delete(path, "a")["outcome"] == "applied"
    rows = select(func.count()).select_from(task_instance), select(func.count()).select_from(journal)
    left = database.read(lambda connection: [connection.execute(count).scalar_one() for count in rows])
    assert left == [0, 0]
    assert database.read(check) == []


def test_a_workflow_is_what_is_left_of_it(path: Path, database: Database) -> None:
    path.bind(task("bad", max_attempts=1), task("good")).start()
    path.error(path.run_one())
    path.done(path.run_one())
    assert path.workflow()["status"] == "FAILED"
    delete(path, "bad")
    assert path.workflow()["status"] == "DONE"
    assert database.read(check) == []


def test_a_chain_goes_as_a_whole_and_what_is_waited_for_stays(path: Path, database: Database) -> None:
    path.bind(*CHAIN, task("d"), task("e", "d"), task("f", "e")).start()
    ids = [path.task_ids[name] for name in ("a", "b", "c", "d", "e")]
    said = path.post("/task/delete", task_ids=ids).get_json()
    assert said["task_ids"] == ids[:3]
    assert [(entry["task_id"], entry["outcome"]) for entry in said["outcomes"]] == [
        (ids[3], "invalid"),
        (ids[4], "invalid"),
    ]
    assert "'e'" in said["outcomes"][0]["problem"]
    assert "'f'" in said["outcomes"][1]["problem"]
    assert names(path) == {"d", "e", "f"}
    assert database.read(check) == []


def test_a_filter_deletes_ten_unless_it_says_more(path: Path, database: Database) -> None:
    path.bind(*(task(f"t{number}") for number in range(11)))
    selected = {"filter": {"workflow_id": path.workflow_id}}
    reply = path.post("/task/delete", **selected)
    assert (reply.status_code, reply.get_json()["matched"]) == (409, 11)
    assert len(names(path)) == 11
    shown = path.post("/task/delete", **selected, max_limit=11, preview=True).get_json()
    assert (shown["matched"], len(shown["preview"]), len(names(path))) == (11, 11, 11)
    said = path.post("/task/delete", **selected, max_limit=11, digest=shown["digest"]).get_json()
    assert (said["applied"], names(path)) == (11, set())
    assert database.read(check) == []


def test_a_refusal_that_ends_it_leaves_the_whole_batch(path: Path, database: Database) -> None:
    path.bind(task("a"), task("b"), task("c", "a"))
    ids = [path.task_ids[name] for name in ("a", "b")]
    said = path.post("/task/delete", task_ids=ids, on_error="stop").get_json()
    assert (said["applied"], said["left"], len(said["outcomes"])) == (0, 1, 1)
    assert names(path) == {"a", "b", "c"}
    assert database.read(check) == []


def test_more_than_one_transaction_takes_are_deleted(path: Path, database: Database) -> None:
    path.bind(*(task(f"t{number}", *([f"t{number - 1}"] if number else [])) for number in range(1_100)))
    said = path.post("/task/delete", task_ids=list(path.task_ids.values())).get_json()
    assert (said["applied"], said["outcomes"]) == (1_100, [])
    assert database.read(check) == []
