"""The door to the server: what is retried, what is raised, how long it is tried."""

from __future__ import annotations

import json
import threading
import time

import pytest

from jobmon_client import errors
from jobmon_client.http import FAILING_SECONDS, FAILURES, FailedTry, Failing, Http
from tests.client.scripted_server import ScriptedServer

OK: tuple[int, dict[str, str], bytes] = (200, {}, b'{"status": "ok"}')


def refusal(status: int, **more: object) -> tuple[int, dict[str, str], bytes]:
    error = {"code": "x", "message": "because", "details": [{"field": "tasks.0.name", "problem": "too long"}]}
    return status, {}, json.dumps({"error": error, **more}).encode()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_asked_again(server: ScriptedServer, status: int) -> None:
    server.script.extend([(status, {}, b"<html>"), (status, {}, b""), OK])
    assert Http(server.url).call("GET", "/health") == {"status": "ok"}
    assert len(server.calls) == 3


def test_a_dropped_connection_is_no_failure_and_the_repeat_says_the_same(server: ScriptedServer) -> None:
    server.lose_replies = 2
    assert Http(server.url).call("POST", "/health", {"a": 1}) == {"status": "ok"}
    assert [payload for _, _, payload in server.calls] == [{"a": 1}] * 3


def test_retry_after_is_honoured(server: ScriptedServer) -> None:
    server.script.extend([(503, {"Retry-After": "1"}, b"{}"), OK])
    began = time.monotonic()
    Http(server.url).call("GET", "/health")
    assert time.monotonic() - began >= 1


def test_a_reply_that_is_no_object_is_asked_for_again(server: ScriptedServer) -> None:
    server.script.extend([(200, {}, b"<html>a proxy's page</html>"), (200, {}, b"[1]"), OK])
    assert Http(server.url).call("GET", "/health") == {"status": "ok"}


def test_the_budget_bounds_the_call(server: ScriptedServer) -> None:
    server.down = True
    began = time.monotonic()
    with pytest.raises(errors.Unreachable, match="/api/v1/health"):
        Http(server.url, budget=0.3).call("GET", "/health")
    assert time.monotonic() - began < 3


def test_without_a_budget_only_the_event_ends_the_call(server: ScriptedServer) -> None:
    server.down = True
    stop = threading.Event()
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    with pytest.raises(errors.Unreachable, match="stopped"):
        Http(server.url, budget=None, stop=stop).call("GET", "/health")
    assert stop.is_set()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, errors.Denied),
        (403, errors.Denied),
        (404, errors.NotFound),
        (409, errors.Refused),
        (422, errors.Malformed),
        (418, errors.ReplyError),
    ],
)
def test_a_refusal_is_raised_at_once_with_what_was_said(
    server: ScriptedServer, status: int, error: type[errors.ReplyError]
) -> None:
    server.script.append(refusal(status, outcome="invalid"))
    with pytest.raises(error, match="because") as caught:
        Http(server.url).call("GET", "/health")
    assert type(caught.value) is error
    assert caught.value.status == status
    assert caught.value.details[0]["field"] == "tasks.0.name"
    assert len(server.calls) == 1


def test_a_refusal_names_its_outcome_and_a_malformed_call_its_fields(server: ScriptedServer) -> None:
    server.script.extend([refusal(409, outcome="fenced"), refusal(422)])
    with pytest.raises(errors.Refused) as refused:
        Http(server.url).call("GET", "/health")
    assert refused.value.outcome == "fenced"
    with pytest.raises(errors.Malformed, match=r"tasks\.0\.name: too long"):
        Http(server.url).call("GET", "/health")


def test_an_accepted_status_is_an_answer(server: ScriptedServer) -> None:
    server.script.append(refusal(409, outcome="fenced"))
    assert Http(server.url).call("POST", "/x", {}, accept=(404, 409))["outcome"] == "fenced"


@pytest.mark.parametrize("address", ["http://[oops", "nonsense://here"])
def test_a_bad_address_is_not_tried_again(address: str) -> None:
    with pytest.raises(errors.JobmonError) as caught:
        Http(address, budget=None).call("GET", "/health")
    assert not isinstance(caught.value, errors.Unreachable)


def test_text_of_any_kind_arrives(server: ScriptedServer) -> None:
    text = "naïve \U0001f680 \ud800 \0 \n"
    Http(server.url).call("POST", "/health", {"text": text})
    assert server.calls[0][2] == {"text": text}


def failing(server: ScriptedServer, times: int) -> None:
    server.script.extend([(500, {}, b"{}")] * times)


def test_a_server_that_keeps_failing_is_given_up_without_a_budget_too(server: ScriptedServer) -> None:
    failing(server, 100)
    began = time.monotonic()
    with pytest.raises(errors.ServerFailed, match="HTTP status 500"):
        Http(server.url, budget=None).call("GET", "/health")
    assert len(server.calls) >= FAILURES
    assert FAILING_SECONDS <= time.monotonic() - began < 40


def test_a_budget_ends_it_sooner_and_still_says_who_failed(server: ScriptedServer) -> None:
    failing(server, 100)
    began = time.monotonic()
    with pytest.raises(errors.ServerFailed):
        Http(server.url, budget=0.3).call("GET", "/health")
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("status", [502, 503, 504, None])
def test_only_answers_500_in_a_row_count(status: int | None) -> None:
    count = Failing()
    count._since = time.monotonic() - 2 * FAILING_SECONDS
    for _ in range(FAILURES - 1):
        assert not count.lasts(FailedTry("x", status=500))
    assert not count.lasts(FailedTry("y", status=status))
    assert not count.lasts(FailedTry("x", status=500))
