"""Submit in one call, and wait: until it is over, or until the time is up, and then it goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path as Directory
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from jobmon_server.app import create_app
from jobmon_server.config import Settings
from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from tests.support.path import Path, task
from tests.support.remote import Remote
from tests.support.server import serve

IDENTITY = {"client_id": "me", "request_id": "r1"}
#: What a wait may take longer than what it waits for: its longest pause, and the machine's.
TICK = 2.0


def wait(path: Path, seconds: float, what: str = "") -> Any:
    return path.client.get(f"/api/v1{what or f'/workflow/{path.workflow_id}'}/wait?seconds={seconds}")


def submit(path: Path, *tasks: dict[str, Any], **facts: Any) -> Any:
    return path.post("/submit", name="w", tasks=list(tasks), **facts)


def followed(path: Path, submitted: Any) -> Path:
    """The path of what was submitted."""
    path.workflow_id = submitted["workflow_id"]
    return path


def aside(client: FlaskClient, call: Callable[[Path], Any]) -> Future[Any]:
    """Make a call while the test goes on."""
    pool = ThreadPoolExecutor(1)
    made = pool.submit(call, Path(client.application.test_client()))
    pool.shutdown(wait=False)
    return made


def test_what_is_over_is_told_at_once(path: Path) -> None:
    path.bind(task("a")).start()
    path.done(path.run_one())
    began = time.monotonic()
    workflow, of_task = wait(path, 30), wait(path, 30, f"/task/{path.task_ids['a']}")
    assert time.monotonic() - began < TICK
    assert (workflow.status_code, of_task.status_code) == (200, 200)
    ended = {"over": True, "retry_after": None}
    assert workflow.get_json() == path.workflow() | ended
    assert of_task.get_json() == path.get(f"/task/{path.task_ids['a']}") | ended


def test_who_waits_is_told_as_soon_as_it_is_over(path: Path, client: FlaskClient) -> None:
    path.bind(task("a")).start()
    one = path.run_one()
    of_workflow, of_task = f"/workflow/{path.workflow_id}", f"/task/{path.task_ids['a']}"
    waiting = [aside(client, partial(wait, seconds=30, what=what)) for what in (of_workflow, of_task)]
    assert not any(one.done() for one in waiting)
    began = time.monotonic()
    path.done(one)
    replies = [one.result(TICK) for one in waiting]
    assert time.monotonic() - began < TICK
    assert [(reply.status_code, reply.get_json()["status"]) for reply in replies] == [(200, "DONE")] * 2


def test_when_the_time_is_up_it_goes_on(path: Path) -> None:
    path.bind(task("a")).start()
    one = path.run_one()
    for what in ("", f"/task/{path.task_ids['a']}"):
        began = time.monotonic()
        reply = wait(path, 0.3, what)
        assert 0.3 <= time.monotonic() - began < 0.3 + TICK
        assert reply.status_code == 202
        assert (reply.get_json()["over"], reply.get_json()["status"]) == (False, "RUNNING")
    assert path.instance(one)["status"] == "RUNNING"
    assert path.done(one).get_json()["outcome"] == "applied"


@pytest.mark.parametrize(("verb", "status"), [("stop", "STOPPED"), ("terminate", "HALTED")])
def test_stopped_and_halted_ends_the_waiting_too(path: Path, verb: str, status: str) -> None:
    path.bind(task("a")).start()
    if verb == "stop":
        path.act("stop")
    else:
        path.post(f"/workflow_run/{path.run_id}/terminate")
    reply = wait(path, 10)
    assert (reply.status_code, reply.get_json()["status"]) == (200, status)


@pytest.mark.parametrize("seconds", ["-1", "61", "x", "", "1e1", "inf", "nan", "60.0001", "1."])
def test_a_wait_that_cannot_be_is_refused(path: Path, seconds: str) -> None:
    path.bind()
    reply = path.client.get(f"/api/v1/workflow/{path.workflow_id}/wait?seconds={seconds}")
    assert reply.status_code == 422
    assert reply.get_json()["error"]["details"][0]["field"] == "seconds"


def test_there_is_nothing_to_wait_for_where_nothing_is(path: Path) -> None:
    for what in ("/workflow/9", "/task/9"):
        assert wait(path, 10, what).status_code == 404


def test_only_half_of_the_threads_wait(database: Database, eventually: Callable[..., Any]) -> None:
    app = create_app(database, Settings(auth="none", threads=3))
    path = Path(app.test_client()).bind(task("a")).start()
    one = path.run_one()
    what = f"/workflow/{path.workflow_id}"
    both = [aside(app.test_client(), lambda other: wait(other, 30, what)) for _ in range(2)]
    eventually(lambda: any(one.done() for one in both))
    path.done(one)
    refused, told = sorted((one.result(10) for one in both), key=lambda reply: -reply.status_code)
    assert (refused.status_code, refused.get_json()["retry_after"]) == (202, 1)
    assert (refused.headers["Retry-After"], refused.get_json()["over"]) == ("1", False)
    assert (told.status_code, told.get_json()["over"]) == (200, True)
    assert "Retry-After" not in told.headers


def test_a_server_of_one_thread_lets_nobody_wait(database: Database) -> None:
    path = Path(create_app(database, Settings(auth="none", threads=1)).test_client()).bind(task("a"))
    assert wait(path, 30).get_json()["retry_after"] == 1
    path.start()
    path.done(path.run_one())
    assert wait(path, 30).get_json()["retry_after"] is None


def test_who_waits_holds_no_connection(database_url: str) -> None:
    database = Database.connect(database_url, pool_size=1)
    path = Path(create_app(database).test_client()).bind(task("a")).start()
    one = path.run_one()
    what = f"/workflow/{path.workflow_id}"
    waiting = [aside(path.client, lambda other: wait(other, 30, what)) for _ in range(4)]  # type: ignore[arg-type]
    path.done(one)
    assert [one.result(10).status_code for one in waiting] == [200] * 4
    database.dispose()


def test_a_server_that_ends_lets_nobody_wait_on(
    database_url: str, tmp_path: Directory, eventually: Callable[..., Any]
) -> None:
    with serve(database_url, tmp_path, "--threads", "2", "--workers", "1") as server:
        path = Path(Remote(server.url)).bind(task("a"))
        url = f"{server.url}/api/v1/workflow/{path.workflow_id}/wait"

        def ask(seconds: float) -> Any:
            return requests.get(url, params={"seconds": seconds}, headers=server.headers, timeout=30).json()

        def wait_on() -> Any:
            while (said := ask(60))["retry_after"] is not None:
                assert said["over"] is False
            return said

        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(wait_on)
            eventually(lambda: ask(0.01)["retry_after"] is not None)
            began = time.monotonic()
            server.stop()
            assert time.monotonic() - began < 10
            assert waiting.result(1)["over"] is False


def test_a_submission_is_known_at_once_and_waits_for_nothing(path: Path) -> None:
    began = time.monotonic()
    reply = submit(path, task("b", "a"), task("a"), **IDENTITY)
    assert time.monotonic() - began < TICK
    said = reply.get_json()
    assert (reply.status_code, said["outcome"], said["status"]) == (201, "applied", "REGISTERED")
    assert (said["over"], said["workflow"], said["retry_after"]) == (False, None, None)
    names = [path.get(f"/task/{one}")["name"] for one in said["task_ids"]]
    assert names == ["b", "a"]
    followed(path, said).start()
    assert len(path.queue()) == 1


def test_a_submission_that_is_over_in_time_brings_its_end(path: Path, client: FlaskClient) -> None:
    said = submit(path, task("a", attributes={"x": 1}), **IDENTITY).get_json()
    waiting = aside(client, lambda other: submit(other, task("a", attributes={"x": 1}), wait=30, **IDENTITY))
    followed(path, said).start()
    path.done(path.run_one())
    reply = waiting.result(10)
    assert (reply.status_code, reply.get_json()["over"]) == (200, True)
    assert reply.get_json()["workflow"] == path.workflow()
    assert reply.get_json()["task_ids"] == said["task_ids"]


def test_a_submission_that_is_not_over_in_time_goes_on(path: Path) -> None:
    reply = submit(path, task("a"), wait=0.2, **IDENTITY)
    said = reply.get_json()
    assert (reply.status_code, said["over"], said["workflow"]) == (202, False, None)
    followed(path, said).start()
    path.done(path.run_one())
    assert path.workflow()["status"] == "DONE"


@pytest.mark.parametrize("end", ["DONE", "STOPPED", "FAILED"])
def test_the_same_submission_again_gives_the_same_whatever_became_of_it(
    path: Path, database: Database, end: str
) -> None:
    first = submit(path, task("a", max_attempts=1), task("b", "a", max_attempts=1), **IDENTITY).get_json()
    followed(path, first).start()
    if end == "DONE":
        path.done(path.run_one())
        path.done(path.run_one())
    elif end == "FAILED":
        path.error(path.run_one())
    else:
        path.act("stop")
    again = submit(path, task("a", max_attempts=1), task("b", "a", max_attempts=2), **IDENTITY)
    said = again.get_json()
    assert (again.status_code, said["outcome"], said["status"]) == (200, "duplicate", end)
    assert (said["workflow_id"], said["task_ids"]) == (first["workflow_id"], first["task_ids"])
    assert (said["differed"], said["differed_tasks"]) == ([], ["b"])
    assert database.read(check) == []


def test_a_submission_may_bring_more_tasks_while_it_is_not_over(path: Path) -> None:
    first = submit(path, task("a"), **IDENTITY).get_json()
    more = submit(path, task("a"), task("b", "a"), **IDENTITY)
    assert (more.status_code, more.get_json()["outcome"]) == (201, "applied")
    assert more.get_json()["task_ids"][0] == first["task_ids"][0]
    followed(path, first).act("stop")
    late = submit(path, task("a"), task("c"), **IDENTITY)
    assert (late.status_code, late.get_json()["status"]) == (409, "STOPPED")


def test_a_submission_is_bound_whole_or_not_at_all(path: Path) -> None:
    reply = submit(path, task("a"), task("b", "nobody"), **IDENTITY)
    assert reply.status_code == 422
    assert reply.get_json()["error"]["details"][0]["field"] == "tasks.1.upstream.0"
    assert path.get("/workflow")["workflows"] == []
    assert submit(path, task("a"), task("a")).status_code == 422
    first = submit(path, task("a"), **IDENTITY)
    assert submit(path, task("a"), task("a"), **IDENTITY).status_code == 422
    assert first.status_code == 201


def test_many_who_submit_the_same_at_once_make_one(path: Path, client: FlaskClient) -> None:
    calls = [aside(client, lambda other: submit(other, task("a"), task("b"), **IDENTITY)) for _ in range(20)]
    replies = [one.result(30) for one in calls]
    assert sorted(reply.status_code for reply in replies) == [200] * 19 + [201]
    assert len({(reply.get_json()["workflow_id"], *reply.get_json()["task_ids"]) for reply in replies}) == 1


def test_the_first_bind_wins_and_says_what_differs(path: Path) -> None:
    facts: dict[str, Any] = {
        "name": "one",
        "attributes": {"x": 1},
        "callback_url": "http://a.example/",
        **IDENTITY,
    }
    first = path.post("/workflow", **facts).get_json()
    assert (first["outcome"], first["differed"]) == ("applied", [])
    assert path.post("/workflow", **facts).get_json()["differed"] == []
    other = facts | {"name": "two", "attributes": {"x": 2}, "max_concurrently_running": 3}
    again = path.post("/workflow", **other).get_json()
    assert (again["outcome"], again["workflow_id"]) == ("duplicate", first["workflow_id"])
    assert again["differed"] == ["name", "attributes", "max_concurrently_running"]


RESULTS: list[Any] = [
    None,
    True,
    0,
    -1.5e300,
    "",
    "é😀\u0000\ud800"[:3],
    [],
    {},
    {"b": [1, {"c": None}], "a": "ü", "1": 1e-9},
    [[[[]]]],
    "x" * 65_534,
]


@pytest.mark.parametrize("result", RESULTS, ids=lambda value: json.dumps(value)[:20])
def test_a_result_is_read_back_as_it_was_stored_with_done(path: Path, result: Any) -> None:
    path.bind(task("a")).start()
    one = path.run_one()
    assert path.done(one, result=result).get_json()["outcome"] == "applied"
    kept = path.instance(one)
    assert kept["status"] == "DONE"
    assert json.dumps(kept["result"], sort_keys=True) == json.dumps(result, sort_keys=True)


def test_a_result_over_the_stated_size_changes_nothing(path: Path) -> None:
    path.bind(task("a")).start()
    one = path.run_one()
    for result in ("x" * 65_535, ["é" * 20_000]):
        refused = path.done(one, result=result)
        assert refused.status_code == 422
        (detail,) = refused.get_json()["error"]["details"]
        assert detail == {"field": "result", "problem": "must have at most 65536 bytes as JSON"}
    assert (path.instance(one)["status"], path.instance(one)["result"]) == ("RUNNING", None)
    assert path.done(one, result="x").get_json()["outcome"] == "applied"
