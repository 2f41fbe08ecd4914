"""Binding: once, whole or not at all, the same again when the same is asked again, and names kept exactly."""

from __future__ import annotations

import time
from typing import Any

import pytest

from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from tests.support.path import Path, task
from tests.support.rows import read_rows


def bind(path: Path, *tasks: dict[str, Any], **more: Any) -> Any:
    return path.post(f"/workflow/{path.workflow_id}/tasks", tasks=list(tasks), **more)


def problems(path: Path, *tasks: dict[str, Any], **more: Any) -> dict[str, str]:
    """Bind what is refused; the problems by field, and no row for it."""
    reply = bind(path, *tasks, **more)
    assert (reply.status_code, reply.get_json()["outcome"]) == (422, "malformed")
    assert path.workflow()["tasks"] == {}
    return {detail["field"]: detail["problem"] for detail in reply.get_json()["error"]["details"]}


def test_the_same_request_gives_the_same_workflow_and_first_bind_wins(path: Path) -> None:
    identity = {"client_id": "me", "request_id": "r1"}
    first = path.post("/workflow", name="one", callback_url="http://a.example/", **identity)
    assert (first.status_code, first.get_json()["outcome"]) == (201, "applied")
    again = path.post("/workflow", name="two", callback_url="http://b.example/", **identity)
    assert (again.status_code, again.get_json()["outcome"]) == (200, "duplicate")
    assert again.get_json()["workflow_id"] == first.get_json()["workflow_id"]
    known = path.get(f"/workflow/{first.get_json()['workflow_id']}")
    assert (known["name"], known["callback_url"]) == ("one", "http://a.example/")


@pytest.mark.parametrize(
    "other",
    [("Me", "r1"), ("me ", "r1"), ("me", "R1"), ("me", "r1 "), ("mé", "r1"), ("me_r", "1"), ("me", "r1😀")],
)
def test_identity_is_exact_and_never_joined(path: Path, other: tuple[str, str]) -> None:
    ids = set()
    for client_id, request_id in (("me", "r1"), ("me", "r_1"), other):
        reply = path.post("/workflow", name="w", client_id=client_id, request_id=request_id)
        assert reply.status_code == 201
        ids.add(reply.get_json()["workflow_id"])
    assert len(ids) == 3


@pytest.mark.parametrize("half", ["client_id", "request_id"])
def test_half_an_identity_is_refused(path: Path, half: str) -> None:
    reply = path.post("/workflow", name="w", **{half: "x"})
    assert reply.status_code == 422


def test_a_workflow_that_is_over_is_given_back_and_not_run_again(path: Path) -> None:
    identity = {"client_id": "me", "request_id": "r"}
    path.bind(task("a"), **identity).start()
    path.done(path.run_one())
    again = path.post("/workflow", name="w", **identity).get_json()
    assert (again["workflow_id"], again["status"]) == (path.workflow_id, "DONE")


def test_ids_come_in_the_order_given_and_known_names_keep_their_first_definition(path: Path) -> None:
    path.bind(task("b"), task("a"), task("c"))
    ids = path.task_ids
    reply = bind(path, task("c"), task("a", command="other"), task("n"), task("b"))
    body = reply.get_json()
    assert reply.status_code == 201
    assert (body["task_ids"][0], body["task_ids"][1], body["task_ids"][3]) == (ids["c"], ids["a"], ids["b"])
    assert body["differed"] == ["a"]
    assert path.get(f"/task/{ids['a']}")["command"] == "true"
    assert bind(path, task("a"), task("b")).status_code == 200


NAMES = ["a", "A", "a ", " a", "á", "a\u0301", "😀", "a\tb", "a_b", "%", "ａ", "ß", "ss", "İ", "i"]


def test_names_are_exact(path: Path) -> None:
    path.bind(*(task(name) for name in NAMES), task("last", *NAMES))
    assert len(set(path.task_ids.values())) == len(NAMES) + 1
    for name, task_id in path.task_ids.items():
        assert path.get(f"/task/{task_id}")["name"] == name
    again = bind(path, *(task(name) for name in NAMES))
    assert (again.status_code, again.get_json()["task_ids"]) == (200, [path.task_ids[name] for name in NAMES])


def test_a_command_is_kept_byte_for_byte(path: Path) -> None:
    command = "printf '%s\\n' \"a b\" 'é😀'\t \n# end "
    path.bind(task("a", command=command)).start()
    assert path.get(f"/task/{path.task_ids['a']}")["command"] == command
    (one,) = path.queue()
    path.claim([one])
    assert path.running(one).get_json()["task_instance"]["command"] == command


@pytest.mark.parametrize(
    ("tasks", "fields"),
    [
        ([task("a"), task("b"), task("a")], {"tasks.0.name", "tasks.2.name"}),
        ([task("a", "x", "b"), task("b", "y")], {"tasks.0.upstream.0", "tasks.1.upstream.0"}),
        ([task("a", "c"), task("b", "a"), task("c", "b"), task("d")], {"tasks.0.upstream"}),
        ([task("z"), task("a", "a")], {"tasks.1.upstream"}),
        ([task("a"), {"name": "b"}], {"tasks.1.command"}),
        (
            [task("a", max_attempts=0), task("b", priority="high")],
            {"tasks.0.max_attempts", "tasks.1.priority"},
        ),
    ],
)
def test_a_refused_bind_names_what_is_wrong_and_binds_nothing(
    path: Path, tasks: list[dict[str, Any]], fields: set[str]
) -> None:
    path.bind()
    found = problems(path, *tasks)
    assert set(found) == fields
    assert bind(path, task("fine")).status_code == 201


def test_a_cycle_is_named_with_its_members(path: Path) -> None:
    path.bind()
    (problem,) = problems(path, task("a", "c"), task("b", "a"), task("c", "b")).values()
    assert all(name in problem for name in "abc")


def test_upstreams_may_come_in_any_order_and_from_the_workflow(path: Path) -> None:
    path.bind(task("old")).start()
    path.add(task("c", "b", "old"), task("b", "a"), task("a"))
    assert sorted(path.instance(one)["name"] for one in path.queue()) == ["a", "old"]
    wired = path.get(f"/task/{path.task_ids['c']}")["upstream_ids"]
    assert wired == sorted([path.task_ids["b"], path.task_ids["old"]])


@pytest.mark.parametrize("is_passed_on", [True, False])
def test_an_upstream_that_is_done_already_is_not_waited_for(
    path: Path, database: Database, is_passed_on: bool
) -> None:
    path.bind(task("a"), task("other")).start()
    path.done(path.run_one())
    if is_passed_on:
        path.queue(limit=0)
        path.queue(limit=1)
    path.add(task("b", "a"), task("c", "a", "a"))
    assert {"b", "c"} <= {path.instance(one)["name"] for one in path.queue()}
    assert database.read(check) == []


@pytest.mark.parametrize("end", ["DONE", "STOPPED"])
def test_nothing_is_bound_to_what_is_over(path: Path, end: str) -> None:
    path.bind(task("a")).start()
    if end == "DONE":
        path.done(path.run_one())
    else:
        path.act("stop")
    reply = bind(path, task("b"))
    assert (reply.status_code, reply.get_json()["outcome"], reply.get_json()["status"]) == (
        409,
        "invalid",
        end,
    )


def test_a_task_bound_to_what_failed_is_run_by_the_next_run(path: Path) -> None:
    path.bind(task("a", max_attempts=1)).start()
    path.error(path.run_one())
    path.add(task("b"))
    path.start(resume="hot")
    assert len(path.queue()) == 2


def test_binding_to_an_unknown_workflow_is_404(path: Path, database: Database) -> None:
    reply = path.post("/workflow/5/tasks", tasks=[task("a")])
    assert (reply.status_code, reply.get_json()["outcome"]) == (404, "unknown")
    assert database.read(read_rows).tasks == {}


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_hundred_thousand_tasks_in_one_call(path: Path, database: Database) -> None:
    path.bind()
    number = 100_000
    tasks = [task(f"t{index}", *([f"t{index - 1000}"] if index >= 1000 else [])) for index in range(number)]
    began = time.monotonic()
    reply = bind(path, *tasks)
    assert time.monotonic() - began < 60
    ids = reply.get_json()["task_ids"]
    assert (reply.status_code, len(set(ids)), ids) == (201, number, sorted(ids))
    path.start()
    assert len(path.queue()) == 1000
    assert bind(path, *[task("one more")] * (number + 1)).status_code == 422


def test_a_workflow_is_found_by_the_request_that_bound_it(path: Path) -> None:
    path.bind(client_id="me", request_id="r 1")
    path.bind(client_id="you", request_id="r 1")
    found = path.get("/workflow?client_id=you&request_id=r%201")["workflows"]
    assert [row["workflow_id"] for row in found] == [path.workflow_id]
    assert len(path.get("/workflow?request_id=r%201")["workflows"]) == 2
    assert path.get("/workflow?client_id=nobody&request_id=r%201")["workflows"] == []
