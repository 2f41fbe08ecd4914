"""Every call about many, by the client's methods, against the real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from jobmon_client.api.client import Api
from jobmon_client.errors import Refused
from jobmon_client.http import Http
from jobmon_client.states import OnError, Outcome
from tests.support.server import LiveServer


@pytest.fixture
def api(live_server: LiveServer) -> Iterator[Api]:
    speaking = Api(Http(live_server.url, budget=10))
    yield speaking
    speaking.close()


@pytest.fixture
def bound(api: Api) -> tuple[int, list[int]]:
    """A workflow of three tasks, the last after the second."""
    workflow_id = api.bind_workflow("w")["workflow_id"]
    tasks = [{"name": name, "command": "true", "inputs": ["x"]} for name in "ab"]
    tasks.append({"name": "c", "command": "true", "upstream": ["b"]})
    return workflow_id, api.bind_tasks(workflow_id, tasks)["task_ids"]


def task(api: Api, task_id: int) -> dict[str, Any]:
    return api.task(task_id)


def test_a_selection_is_previewed_and_then_acted_on(api: Api, bound: tuple[int, list[int]]) -> None:
    workflow_id, ids = bound
    selected: dict[str, Any] = {"filter": {"workflow_id": workflow_id}}
    seen = api.act_on_tasks(None, "pause", preview=True, **selected)
    assert (seen["matched"], seen["applied"]) == (3, 0)
    said = api.act_on_tasks(None, "pause", digest=seen["digest"], on_error=OnError.STOP, **selected)
    assert said["task_ids"] == ids
    with pytest.raises(Refused) as refused:
        api.act_on_tasks(None, "play", max_limit=2, **selected)
    assert refused.value.body["matched"] == 3
    assert api.act_on_workflows([workflow_id], "play")["workflow_ids"] == [workflow_id]


def test_what_is_kept_is_changed(api: Api, bound: tuple[int, list[int]]) -> None:
    workflow_id, ids = bound
    api.set_properties({"queue": "long"}, task_ids=ids[:1])
    api.set_properties(items={ids[1]: {"priority": 4}})
    api.set_task_attributes({"x": 1, "y": 2}, task_ids=ids)
    api.set_task_attributes(items={ids[0]: {"x": None}})
    api.set_workflow_attributes({"who": "me"}, workflow_ids=[workflow_id])
    assert api.set_inputs({(ids[0], "x"): "AVAILABLE", (ids[0], "z"): "MISSING"})["applied"] == 1
    first = task(api, ids[0])
    assert (first["queue"], first["attributes"], first["inputs"][0]["status"]) == (
        "long",
        {"y": 2},
        "AVAILABLE",
    )
    assert task(api, ids[1])["priority"] == 4
    assert api.workflow(workflow_id)["attributes"] == {"who": "me"}


def test_what_is_forced_and_deleted_is_told(api: Api, bound: tuple[int, list[int]]) -> None:
    workflow_id, ids = bound
    refused = api.force_status(ids[0], "DONE", reason="it is there")
    assert refused.outcome is Outcome.INVALID
    run_id = api.start_run(workflow_id, next_report_increment=60).body["workflow_run_id"]
    (batch,) = api.queue_tasks(run_id, limit=1)
    (one,) = batch["task_instance_ids"]
    assert api.set_accounting({one: "DONE"})["applied"] == 1
    api.act("task", ids[0], "stop")
    assert api.force_status(ids[0], "DONE", reason="it is there").body["applied"] == 1
    said = api.force_statuses(ids, "DONE", reason="these too")
    assert [entry["outcome"] for entry in said["outcomes"]] == ["duplicate", "invalid", "invalid"]
    assert api.delete_task(ids[1]).outcome is Outcome.INVALID
    assert api.delete_task(ids[1], force=True, reason="never needed").outcome is Outcome.APPLIED
    assert api.delete_tasks(all=True, max_limit=2)["applied"] == 2
