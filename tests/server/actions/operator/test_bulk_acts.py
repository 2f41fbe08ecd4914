"""Acts on a selection: what is meant, how many at most, a preview with a digest, what ends it, what was changed."""

from __future__ import annotations

from typing import Any

import pytest

from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from tests.support.path import Path, task

CHAIN = (task("a"), task("b", "a"), task("c", "b"))


def many(number: int, **facts: Any) -> list[dict[str, Any]]:
    return [task(f"t{one}", **facts) for one in range(number)]


def post(path: Path, target: str, status: int = 200, **body: Any) -> Any:
    reply = path.post(target, **body)
    assert reply.status_code == status, reply.get_json()
    return reply.get_json()


def ids(path: Path, *names: str) -> list[int]:
    return [path.task_ids[name] for name in names]


def of(path: Path, **filters: Any) -> dict[str, Any]:
    """A filter of tasks of this workflow."""
    return {"workflow_id": path.workflow_id, **filters}


def statuses(path: Path) -> dict[str, str]:
    return {row["name"]: row["status"] for row in path.get(f"/workflow/{path.workflow_id}/tasks")["tasks"]}


@pytest.mark.parametrize(
    ("verb", "first", "then"),
    [
        ("pause", (), "PAUSED"),
        ("play", ("pause",), "REGISTERING"),
        ("stop", (), "STOPPED"),
        ("rerun", ("stop",), "REGISTERING"),
    ],
)
def test_an_act_is_done_to_all_that_a_filter_means(
    path: Path, database: Database, verb: str, first: tuple[str, ...], then: str
) -> None:
    path.bind(*many(3), task("other"))
    for before in first:
        path.act(before)
    was = path.status("other")
    said = post(path, f"/task/{verb}", filter=of(path, name="t*"), reason="all of these")
    assert (said["applied"], said["matched"], said["left"], said["outcomes"]) == (3, 3, 0, [])
    assert said["task_ids"] == ids(path, "t0", "t1", "t2")
    assert statuses(path) == {"t0": then, "t1": then, "t2": then, "other": was}
    assert database.read(check) == []


def test_retry_of_all_that_failed_names_those_that_it_changed(path: Path, database: Database) -> None:
    path.bind(*many(2, max_attempts=1), task("other")).start()
    for _ in range(2):
        path.error(path.run_one())
    said = post(path, "/task/retry", search=[{"field": "status", "operator": "eq", "value": "ERROR_FATAL"}])
    assert (said["task_ids"], said["outcomes"]) == (ids(path, "t0", "t1"), [])
    assert set(statuses(path).values()) == {"REGISTERING"}
    assert database.read(check) == []


def test_what_changed_is_told_apart_from_what_matched(path: Path) -> None:
    path.bind(*many(4)).start()
    path.act("pause", "t1")
    one = path.run_one()
    said = post(path, "/task/pause", filter=of(path))
    running, paused = path.instance(one)["task_id"], path.task_ids["t1"]
    assert (said["matched"], said["applied"]) == (4, 2)
    assert set(said["task_ids"]) == set(path.task_ids.values()) - {running, paused}
    assert {(entry["task_id"], entry["outcome"]) for entry in said["outcomes"]} == {
        (running, "invalid"),
        (paused, "duplicate"),
    }
    (refused,) = (entry for entry in said["outcomes"] if entry["outcome"] == "invalid")
    assert refused["problem"] == "Cannot pause RUNNING tasks."


def test_a_paused_task_is_in_no_claim_until_it_is_played(path: Path) -> None:
    path.bind(*many(2)).start()
    first, second = path.queue()
    post(path, "/task/pause", filter=of(path, name="t0"))
    assert [
        one["task_instances"][0]["task_instance_id"] for one in path.claim([first, second])["batches"]
    ] == [second]
    post(path, "/task/play", filter=of(path, status="PAUSED"))
    assert len(path.queue()) == 1


def test_what_is_played_is_ready_or_waits_as_its_upstreams_are_then(path: Path) -> None:
    path.bind(*CHAIN, task("z")).start()
    post(path, "/task/pause", task_ids=ids(path, "b", "c"))
    one = path.run_one()
    assert path.instance(one)["name"] == "a"
    path.done(one)
    post(path, "/task/play", filter=of(path, status="PAUSED"))
    ready = {path.instance(one)["name"] for one in path.queue()}
    assert (ready, path.status("c")) == ({"b", "z"}, "REGISTERING")


@pytest.mark.parametrize("selected", [{"filter": {"status": []}}, {"task_ids": []}])
def test_an_empty_list_selects_nothing(path: Path, selected: dict[str, Any]) -> None:
    path.bind(*many(2))
    said = post(path, "/task/stop", **selected)
    assert (said["matched"], said["applied"], said["outcomes"]) == (0, 0, [])
    assert set(statuses(path).values()) == {"REGISTERING"}


@pytest.mark.parametrize(
    "selected",
    [
        {},
        {"filter": {}},
        {"search": []},
        {"all": False},
        {"task_ids": [1], "filter": {"status": "DONE"}},
        {"task_ids": [1], "all": True},
        {"filter": {"status": "DONE"}, "all": True},
        {"filter": {"status": "DONE"}, "search": [{"field": "name", "operator": "eq", "value": "a"}]},
    ],
)
def test_who_is_meant_is_said_in_exactly_one_way(path: Path, selected: dict[str, Any]) -> None:
    path.bind(*many(2))
    for target in ("/task/stop", "/task/delete", "/task/attributes"):
        more = {"attributes": {"a": 1}} if target.endswith("attributes") else {}
        said = post(path, target, 422, **selected, **more)
        assert said["error"]["code"] == "malformed"
    assert set(statuses(path).values()) == {"REGISTERING"}


def test_everything_is_meant_by_who_says_so(path: Path) -> None:
    path.bind(*many(2))
    assert post(path, "/task/stop", all=True)["applied"] == 2


def test_as_many_as_the_limit_are_allowed_and_one_more_changes_nothing(path: Path) -> None:
    path.bind(*many(3))
    for selected in ({"filter": of(path)}, {"task_ids": list(path.task_ids.values())}):
        said = post(path, "/task/pause", 409, **selected, max_limit=2)
        assert (said["outcome"], said["matched"]) == ("invalid", 3)
        assert set(statuses(path).values()) == {"REGISTERING"}
    assert post(path, "/task/pause", filter=of(path), max_limit=3)["applied"] == 3
    assert post(path, "/task/play", filter=of(path), max_limit=0)["applied"] == 3


def test_more_than_a_thousand_of_a_filter_need_a_limit_of_their_own(path: Path, database: Database) -> None:
    path.bind(*many(1_001))
    assert post(path, "/task/stop", 409, filter=of(path))["matched"] == 1_001
    assert path.workflow()["tasks"] == {"REGISTERING": 1_001}
    assert post(path, "/task/stop", filter=of(path), max_limit=0)["applied"] == 1_001
    assert path.workflow()["tasks"] == {"STOPPED": 1_001}
    assert database.read(check) == []


def test_a_preview_changes_nothing_and_says_what_would_become_of_each(path: Path, database: Database) -> None:
    path.bind(*many(2)).start()
    one = path.run_one()
    said = post(path, "/task/pause", filter=of(path), preview=True)
    assert (said["matched"], said["applied"], said["task_ids"]) == (2, 0, [])
    running = path.instance(one)["name"]
    waiting = ({"t0", "t1"} - {running}).pop()
    shown = {
        entry["task_id"]: (entry["status"], entry["outcome"], entry["would_be"]) for entry in said["preview"]
    }
    assert shown == {
        path.task_ids[running]: ("RUNNING", "invalid", "RUNNING"),
        path.task_ids[waiting]: ("REGISTERING", "applied", "PAUSED"),
    }
    assert statuses(path) == {running: "RUNNING", waiting: "REGISTERING"}
    assert database.read(check) == []


def test_a_digest_holds_only_for_what_was_seen(path: Path) -> None:
    path.bind(*many(3))
    seen = post(path, "/task/stop", filter=of(path), preview=True)["digest"]
    path.act("pause", "t1")
    said = post(path, "/task/stop", 409, filter=of(path), digest=seen)
    assert (said["outcome"], said["matched"]) == ("invalid", 3)
    assert path.status("t0") == "REGISTERING"
    now = said["digest"]
    path.add(task("t9"))
    assert post(path, "/task/stop", 409, filter=of(path), digest=now)["matched"] == 4
    seen = post(path, "/task/stop", filter=of(path), preview=True)["digest"]
    assert post(path, "/task/stop", filter=of(path), digest=seen)["applied"] == 4


def test_the_first_refusal_ends_it_where_that_is_asked_for(path: Path, database: Database) -> None:
    path.bind(*many(4, priority=1)).start()
    (one,) = path.queue(limit=1)
    path.claim([one])
    path.act("pause", "t1")
    path.act("stop", "t2")
    all_of_them = ids(path, "t1", "t0", "t3", "t2")
    said = post(path, "/task/play", task_ids=all_of_them, on_error="stop")
    assert (said["applied"], said["left"]) == (0, 3)
    assert [(entry["task_id"], entry["outcome"]) for entry in said["outcomes"]] == [
        (path.task_ids["t0"], "invalid")
    ]
    said = post(path, "/task/play", task_ids=ids(path, "t3", "t2", "t1"), on_error="stop")
    assert (said["task_ids"], said["left"]) == (ids(path, "t1"), 1)
    assert [entry["outcome"] for entry in said["outcomes"]] == ["invalid"]
    path.act("pause", "t1")
    said = post(path, "/task/play", task_ids=all_of_them, on_error="continue")
    assert (said["task_ids"], said["left"]) == (ids(path, "t1"), 0)
    assert [entry["outcome"] for entry in said["outcomes"]] == ["invalid", "invalid", "duplicate"]
    assert database.read(check) == []


def test_an_unknown_id_ends_it_before_anything_is_done(path: Path) -> None:
    path.bind(*many(2))
    said = post(path, "/task/stop", task_ids=[*path.task_ids.values(), 999_999], on_error="stop")
    assert (said["applied"], said["matched"], said["left"]) == (0, 2, 2)
    assert [(entry["task_id"], entry["outcome"]) for entry in said["outcomes"]] == [(999_999, "unknown")]


def test_a_rerun_of_many_goes_below_them_when_asked_to(path: Path, database: Database) -> None:
    path.bind(*CHAIN, task("x"), task("y", "x")).start()
    for _ in range(5):
        path.done(path.run_one())
    assert path.workflow()["status"] == "DONE"
    alone: dict[str, Any] = {"filter": of(path, name=["a", "x"])}
    shown = post(path, "/task/rerun", **alone, cascade=True, preview=True)
    assert (shown["matched"], len(shown["preview"])) == (5, 5)
    assert post(path, "/task/rerun", 409, **alone, cascade=True, max_limit=4)["matched"] == 5
    said = post(path, "/task/rerun", **alone, cascade=True, digest=shown["digest"], reason="wrong input")
    assert (said["applied"], set(said["task_ids"])) == (5, set(path.task_ids.values()))
    assert set(statuses(path).values()) == {"REGISTERING"}
    assert path.get(f"/task/{path.task_ids['c']}")["upstreams_left"] == 1
    assert database.read(check) == []


def test_a_rerun_of_what_is_done_is_in_the_journal_with_who_and_why(path: Path, database: Database) -> None:
    path.bind(task("a"), task("b")).start()
    one = path.run_one()
    path.done(one)
    post(path, "/task/rerun", filter=of(path, status="DONE"), reason="wrong input")
    last = path.get(f"/task_instance/{one}/journal")["journal"][-1]
    assert (last["reporter"], last["reason"], last["outcome"]) == ("operator", "wrong input", "applied")
    assert (last["from"], last["to"]) == ("DONE", "DONE")
    assert (last["task_from"], last["task_to"]) == ("DONE", "REGISTERING")
    assert database.read(check) == []


def test_an_act_on_many_workflows_tells_of_each(path: Path, database: Database) -> None:
    made = []
    for number in range(3):
        path.bind(*many(number + 1), attributes={"batch": "night"})
        made.append(path.workflow_id)
    path.act("stop")
    shown = post(path, "/workflow/stop", filter={"attributes": {"batch": "night"}}, preview=True)
    assert [(one["workflow_id"], one["tasks"]) for one in shown["preview"]] == [
        (made[0], 1),
        (made[1], 2),
        (made[2], 0),
    ]
    said = post(path, "/workflow/stop", filter={"attributes": {"batch": "night"}}, digest=shown["digest"])
    assert (said["matched"], said["applied"], said["workflow_ids"]) == (3, 2, made[:2])
    assert [(one["outcome"], one["status"], one["tasks"]) for one in said["outcomes"]] == [
        ("applied", "STOPPED", 1),
        ("applied", "STOPPED", 2),
        ("duplicate", "STOPPED", 0),
    ]
    assert post(path, "/workflow/pause", 409, filter={"status": "STOPPED"}, max_limit=2)["matched"] == 3
    said = post(path, "/workflow/pause", workflow_ids=[made[0], 999, made[1]], on_error="stop")
    assert [(one["workflow_id"], one["outcome"]) for one in said["outcomes"]] == [(999, "unknown")]
    assert said["left"] == 2
    assert database.read(check) == []


def test_a_hold_that_changes_is_a_change_of_its_workflow(path: Path) -> None:
    path.bind(task("a"))
    other = path.workflow_id
    path.post(f"/workflow/{other}/pause")
    path.bind(task("a"))
    path.act("pause", "a")
    ids = [other, path.workflow_id]
    said = post(path, "/workflow/pause", workflow_ids=ids)
    assert (said["matched"], said["applied"], said["workflow_ids"]) == (2, 1, ids[1:])
    assert [(one["outcome"], one["tasks"]) for one in said["outcomes"]] == [("duplicate", 0), ("applied", 0)]
    assert [path.get(f"/workflow/{one}")["held"] for one in ids] == [True, True]
    again = post(path, "/workflow/pause", workflow_ids=ids)
    assert (again["matched"], again["applied"], again["workflow_ids"]) == (2, 0, [])


def test_pause_of_many_workflows_holds_them(path: Path) -> None:
    path.bind(*many(1)).start()
    assert post(path, "/workflow/pause", workflow_ids=[path.workflow_id])["applied"] == 1
    assert path.queue() == []
    assert post(path, "/workflow/play", filter={"status": "PAUSED"})["applied"] == 1
    assert len(path.queue()) == 1
