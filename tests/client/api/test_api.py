"""Payloads and replies of the routes."""

from __future__ import annotations

import json

import pytest

from jobmon_client.api.client import Api
from jobmon_client.errors import NotFound, Refused
from jobmon_client.http import Http
from jobmon_client.states import Outcome, TaskInstanceStatus
from tests.client.scripted_server import ScriptedServer


@pytest.fixture
def api(server: ScriptedServer) -> Api:
    return Api(Http(server.url, budget=2))


def say(server: ScriptedServer, http_status: int, /, **body: object) -> None:
    server.script.append((http_status, {}, json.dumps(body).encode()))


def test_a_report_brings_back_how_things_stand(api: Api, server: ScriptedServer) -> None:
    server.add(1)
    reply = api.log_running(1, worker_id="w", next_report_increment=93)
    assert (reply.outcome, reply.status, reply.commands) == (Outcome.APPLIED, TaskInstanceStatus.RUNNING, ())


def test_a_refused_report_is_an_answer(api: Api, server: ScriptedServer) -> None:
    server.add(1, holder="another")
    assert api.log_done(1, worker_id="w").outcome is Outcome.FENCED
    unknown = api.log_done(2, worker_id="w")
    assert (unknown.outcome, unknown.status) == (Outcome.UNKNOWN, None)


def test_a_missing_route_is_not_taken_for_an_unknown_instance(api: Api, server: ScriptedServer) -> None:
    say(server, 404, error={"message": "no such route"})
    with pytest.raises(NotFound):
        api.log_done(1, worker_id="w")


def test_what_is_none_is_left_out(api: Api, server: ScriptedServer) -> None:
    say(server, 201, workflow_run_id=4, status="BOUND")
    assert api.start_run(9, next_report_increment=5).body["workflow_run_id"] == 4
    assert server.calls == [("POST", "/api/v1/workflow/9/workflow_run", {"next_report_increment": 5})]


def test_a_heartbeat_of_an_ended_run_says_how_it_ended(api: Api, server: ScriptedServer) -> None:
    say(server, 409, outcome="invalid", status="STOPPED")
    reply = api.run_heartbeat(3, next_report_increment=5)
    assert (reply.outcome, reply.status) == (Outcome.INVALID, "STOPPED")


def test_a_run_that_may_not_start_is_refused(api: Api, server: ScriptedServer) -> None:
    say(server, 409, outcome="invalid", error={"message": "a run is alive"})
    with pytest.raises(Refused, match="a run is alive"):
        api.start_run(9, next_report_increment=5)


def test_a_claim_has_its_batches_and_what_others_hold(api: Api, server: ScriptedServer) -> None:
    fenced = {
        "task_instance_id": 8,
        "outcome": "fenced",
        "status": "INSTANTIATED",
        "task_status": "INSTANTIATING",
    }
    say(server, 200, batches=[{"array_id": 1, "task_instances": []}], outcomes=[fenced])
    claim = api.instantiate("me", [7, 8], next_report_increment=5)
    assert claim.batches == ({"array_id": 1, "task_instances": []},)
    assert (claim.outcomes[0].task_instance_id, claim.outcomes[0].outcome) == (8, Outcome.FENCED)
    assert server.calls[0][2]["task_instance_ids"] == [7, 8]


def test_steps_are_object_keys_on_the_wire(api: Api, server: ScriptedServer) -> None:
    say(server, 200, applied=2, outcomes=[])
    assert api.log_launched(1, 2, {0: "a", 1: "b"}, next_report_increment=5).applied == 2
    assert server.calls[0][1:] == (
        "/api/v1/array/1/batch/2/log_launched",
        {"distributor_ids": {"0": "a", "1": "b"}, "next_report_increment": 5},
    )


def test_a_batch_reply_lists_what_needs_attention(api: Api, server: ScriptedServer) -> None:
    server.add(1, status="KILL_SELF", holder="w")
    server.add(2, status="RUNNING", holder="w")
    reply = api.log_report_by_batch([1, 2], next_report_increment=5)
    assert reply.applied == 1
    assert [(one.task_instance_id, one.status) for one in reply.outcomes] == [
        (1, TaskInstanceStatus.KILL_SELF)
    ]


def test_queries_carry_only_what_was_asked(api: Api, server: ScriptedServer) -> None:
    say(server, 200, tasks=[], next=None)
    api.workflow_tasks(5, status="DONE", limit=10)
    assert server.calls[0][1] == "/api/v1/workflow/5/tasks?status=DONE&limit=10&total=false"
