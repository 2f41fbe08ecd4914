"""Work submitted and waited for by the client, against the real server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path as Directory
from typing import Any

import pytest

from jobmon_client import Workflow, resume, submit
from jobmon_client.api.client import Api
from jobmon_client.errors import NotFound, Refused
from jobmon_client.http import Http
from jobmon_client.running.submission import Work, gathered
from jobmon_client.spec.definition import InvalidDefinition, TaskDefinition
from jobmon_client.spec.files import load
from jobmon_client.states import Outcome
from tests.client.scripted_server import ScriptedServer
from tests.support.path import Path, task
from tests.support.receiver import Receiver
from tests.support.remote import Remote
from tests.support.server import LiveServer

ONE = {"name": "a", "command": "true"}


@pytest.fixture
def api(live_server: LiveServer) -> Iterator[Api]:
    with Api(Http(live_server.url)) as opened:
        yield opened


@pytest.fixture
def driven(live_server: LiveServer) -> Path:
    return Path(Remote(live_server.url))


@pytest.fixture(autouse=True)
def home(tmp_path: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home of the test's own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("JOBMON_HEARTBEAT_INTERVAL", "1")
    monkeypatch.chdir(tmp_path)


def object_of_two() -> Workflow:
    workflow = Workflow("two")
    workflow.task("b", "true", upstream=[workflow.task("a", "true")])
    return workflow


@pytest.mark.parametrize(
    ("work", "names"),
    [
        (object_of_two(), ["a", "b"]),
        (object_of_two().definition, ["a", "b"]),
        (ONE, ["a"]),
        (TaskDefinition(name="a", command="true"), ["a"]),
        ([ONE], ["a"]),
        ([TaskDefinition(name="z", command="true"), {**ONE, "upstream": ["z"]}], ["z", "a"]),
    ],
    ids=["a workflow", "a definition", "a task", "a task's definition", "a list", "a mixed list"],
)
def test_a_workflow_one_task_or_a_list_is_taken(
    live_server: LiveServer, api: Api, work: Work, names: list[str]
) -> None:
    submitted = submit(work, server_url=live_server.url)
    assert (submitted.is_new, submitted.status, list(submitted.task_ids)) == (True, "REGISTERED", names)
    assert [api.task(one)["name"] for one in submitted.task_ids.values()] == names
    assert api.workflow(submitted.workflow_id)["tasks"] == {"REGISTERING": len(names)}


def test_defaults_fill_only_what_a_task_lacks(live_server: LiveServer, api: Api) -> None:
    defaults: dict[str, Any] = {
        "cluster": "dummy",
        "queue": "long",
        "max_attempts": 7,
        "requested_resources": {"memory": 1},
        "attributes": {"x": 1},
    }
    own = {"cluster": "sequential", "max_attempts": 2, "requested_resources": {"memory": 9}}
    tasks: list[dict[str, Any]] = [
        ONE,
        {"name": "own", "command": "true", **own},
        {"name": "empty", "command": "true", "requested_resources": {}, "attributes": {}},
    ]
    submitted = submit(tasks, name="w", defaults=defaults, server_url=live_server.url)
    found = {name: api.task(one) for name, one in submitted.task_ids.items()}
    assert {name: found["a"][name] for name in defaults} == defaults
    assert {name: found["own"][name] for name in defaults} == defaults | own
    explicit: dict[str, Any] = {"requested_resources": {}, "attributes": {}}
    assert {name: found["empty"][name] for name in defaults} == defaults | explicit
    assert submitted.workflow is None


def test_a_workflows_own_defaults_leave_what_is_explicitly_empty(live_server: LiveServer, api: Api) -> None:
    workflow = Workflow("w", requested_resources={"memory": 1})
    workflow.task("lacks", "true")
    workflow.task("none", "true", requested_resources=None)
    workflow.task("empty", "true", requested_resources={})
    ids = submit(workflow, server_url=live_server.url).task_ids
    found = {name: api.task(one)["requested_resources"] for name, one in ids.items()}
    assert found == {"lacks": {"memory": 1}, "none": {"memory": 1}, "empty": {}}


@pytest.mark.parametrize(
    ("work", "facts", "said"),
    [
        ([], {}, "there is no task"),
        ([{"name": "a"}], {}, "command: missing"),
        ([ONE, ONE], {}, "a name is unique"),
        ([ONE], {"retries": 2}, "retries: unknown key"),
        ({**ONE, "upstream": ["b"]}, {}, "'b' is no task"),
    ],
)
def test_what_cannot_be_is_refused_before_any_call(work: Work, facts: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidDefinition, match=said):
        gathered(work, **facts)


def test_what_is_gathered_is_called_as_its_first_task_unless_it_is_named() -> None:
    assert (gathered(ONE).name, gathered([ONE], name="w").name) == ("a", "w")
    assert gathered(object_of_two(), name="w").name == "w"


def test_what_was_submitted_is_driven_by_whoever_starts_a_run(live_server: LiveServer) -> None:
    submitted = submit([ONE], server_url=live_server.url)
    assert resume(submitted.workflow_id, server_url=live_server.url, progress=False).status == "DONE"
    again = submit([ONE], server_url=live_server.url, wait=0)
    assert again.workflow_id != submitted.workflow_id


def test_the_same_request_is_found_again_and_waited_for(live_server: LiveServer, driven: Path) -> None:
    request = {"client_id": "me", "request_id": "r", "server_url": live_server.url}
    first = submit([ONE], **request)  # type: ignore[arg-type]
    assert submit([ONE], wait=0.1, **request).workflow is None  # type: ignore[arg-type]
    driven.workflow_id = first.workflow_id
    driven.start()
    driven.done(driven.run_one())
    again = submit([{**ONE, "priority": 3}], wait=10, **request)  # type: ignore[arg-type]
    assert (again.is_new, again.workflow_id, again.task_ids) == (False, first.workflow_id, first.task_ids)
    assert (again.status, again.differed) == ("DONE", ("a",))
    assert again.workflow is not None
    assert again.workflow["tasks"] == {"DONE": 1}


def test_waiting_ends_with_what_is_waited_for(api: Api, driven: Path) -> None:
    driven.bind(task("a")).start()
    one = driven.run_one()
    assert api.wait_for_workflow(driven.workflow_id, seconds=0.2)["over"] is False
    assert api.wait_for_task(driven.task_ids["a"], seconds=0)["status"] == "RUNNING"
    found: list[Any] = []
    waiting = threading.Thread(target=lambda: found.append(api.wait_for_workflow(driven.workflow_id)))
    waiting.start()
    driven.done(one)
    waiting.join(10)
    assert [state["status"] for state in found] == ["DONE"]
    assert api.wait_for_task(driven.task_ids["a"])["over"] is True
    with pytest.raises(NotFound):
        api.wait_for_workflow(999, seconds=1)


def test_positions_of_what_waits_of_what_does_not_and_of_nothing(api: Api, driven: Path) -> None:
    driven.bind(task("a"), task("b"), task("c", "a")).start()
    driven.queue()
    assert [api.position(driven.task_ids[name]) for name in "abc"] == [(0, 2), (1, 2), (0, 0)]
    assert api.position(999) == (0, 0)


def test_callbacks_are_told_and_tried_again(api: Api, driven: Path) -> None:
    with Receiver() as receiver:
        driven.bind(task("a"), callback_url=receiver.url).start()
        driven.done(driven.run_one())
        assert receiver.arrived.wait(10)
    (known,) = api.callbacks(driven.workflow_id)["callbacks"]
    assert known["workflow_status"] == "DONE"
    assert api.retry_callback(driven.workflow_id, known["callback_id"]).outcome in {
        Outcome.DUPLICATE,
        Outcome.INVALID,
    }


def test_a_workflow_says_where_to_tell_its_end_and_how_long_to_keep_it(
    live_server: LiveServer, api: Api, tmp_path: Directory
) -> None:
    facts: dict[str, Any] = {"callback_url": "http://127.0.0.1:9/", "expiry_seconds": 700}
    workflow = Workflow("w", **facts)
    workflow.task("a", "true")
    (tmp_path / "w.json").write_text(json.dumps({"name": "w", "tasks": [ONE], **facts}))
    for work in (workflow, load(tmp_path / "w.json")):
        known = api.workflow(submit(work, server_url=live_server.url).workflow_id)
        assert {name: known[name] for name in facts} == facts


def test_a_submission_that_cannot_be_is_told(live_server: LiveServer, driven: Path) -> None:
    request = {"client_id": "me", "request_id": "r", "server_url": live_server.url}
    driven.workflow_id = submit([ONE], **request).workflow_id  # type: ignore[arg-type]
    driven.act("stop")
    with pytest.raises(Refused):
        submit([ONE, {**ONE, "name": "b"}], **request)  # type: ignore[arg-type]


def test_who_finds_no_place_to_wait_in_asks_again_later(server: ScriptedServer) -> None:
    states = [(False, 1), (False, None), (True, None)]
    for over, after in states:
        body = {"over": over, "retry_after": after, "status": "RUNNING"}
        server.script.append((200 if over else 202, {}, json.dumps(body).encode()))
    began = time.monotonic()
    with Api(Http(server.url, budget=2)) as api:
        assert api.wait_for_workflow(7)["over"] is True
    assert time.monotonic() - began >= 1
    assert [path for _, path, _ in server.calls] == ["/api/v1/workflow/7/wait?seconds=10.000"] * 3
