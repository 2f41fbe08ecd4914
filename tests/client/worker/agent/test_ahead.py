"""What an agent does with leave that it got before there was a slot: the server takes it to be running already."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client.agents import Driven
from tests.client.scripted_server import ScriptedServer
from tests.support.waiting import eventually

SHORT = 8
"""Commands that are over long before the server has answered."""
LONG, NEXT = SHORT + 1, SHORT + 2


class SlowServer(ScriptedServer):
    """Takes its time with reports."""

    idle = threading.Event()

    def answer(self, path: str, payload: Any) -> tuple[int, dict[str, Any]]:
        if path == "/reports":
            self.idle.wait(0.1)
        return super().answer(path, payload)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with SlowServer() as running:
        yield running


@pytest.fixture
def granted(agent: Callable[..., Driven], server: ScriptedServer, tmp_path: Path) -> Driven:
    """An agent with one slot, in which a command waits for a file, and another that has leave to start."""
    driven = agent(concurrency=1, heartbeat_interval=0.1)
    for number in range(1, SHORT + 1):
        driven.give(number, "true")
    eventually(lambda: len(driven.ended) == SHORT, 20)
    driven.give(LONG, f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done")
    driven.give(NEXT, f"trap 'touch {tmp_path}/heard' USR1; touch {tmp_path}/started; sleep 0.2; sleep 0.2")
    driven.until_started(LONG)
    eventually(lambda: server.instances[NEXT].status == "RUNNING")
    eventually(lambda: server.instances[NEXT].heartbeats)
    assert not (tmp_path / "started").exists()
    assert NEXT not in driven.started
    return driven


def reported(server: ScriptedServer) -> list[str]:
    said = server.instances[NEXT].reports
    return [report.get("error_state") or report["report"] for report in said]


def test_it_starts_when_there_is_a_slot(granted: Driven, server: ScriptedServer, tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    granted.until_ended(NEXT)
    assert (tmp_path / "started").exists()
    assert reported(server) == ["log_running", "log_done"]


@pytest.mark.parametrize(("found", "said"), [("KILL_SELF", "ERROR_FATAL"), ("NO_HEARTBEAT", "ERROR")])
def test_a_heartbeat_that_says_stop_keeps_it_from_starting(
    granted: Driven, server: ScriptedServer, tmp_path: Path, found: str, said: str
) -> None:
    server.instances[NEXT].status = found
    granted.until_ended(NEXT)
    (tmp_path / "go").touch()
    granted.until_ended(LONG)
    assert not (tmp_path / "started").exists()
    assert (reported(server), server.instances[NEXT].status) == (["log_running", said], said)
    assert server.last(NEXT)["error_description"].endswith("before it started")


def test_what_has_ended_elsewhere_is_neither_started_nor_reported(
    granted: Driven, server: ScriptedServer, tmp_path: Path
) -> None:
    server.instances[NEXT].status = "DONE"
    granted.until_ended(NEXT)
    (tmp_path / "go").touch()
    granted.until_ended(LONG)
    assert not (tmp_path / "started").exists()
    assert reported(server) == ["log_running"]


def test_it_can_be_cancelled(granted: Driven, server: ScriptedServer, tmp_path: Path) -> None:
    granted.agent.cancel([NEXT])
    granted.until_ended(NEXT)
    assert server.last(NEXT)["error_description"] == "the command was cancelled before it started"
    assert not (tmp_path / "started").exists()


def test_stop_ends_it_too(granted: Driven, server: ScriptedServer, tmp_path: Path) -> None:
    granted.agent.stop()
    assert granted.agent.wait(10)
    assert [server.instances[one].status for one in (LONG, NEXT)] == ["ERROR", "ERROR"]
    assert not (tmp_path / "started").exists()


def test_a_kill_command_is_acknowledged_and_keeps_it_from_starting(
    granted: Driven, server: ScriptedServer, tmp_path: Path
) -> None:
    server.instances[NEXT].tell(7, "kill")
    granted.until_ended(NEXT)
    assert [one["command_id"] for one in server.instances[NEXT].acknowledged] == [7]
    assert server.last(NEXT)["reason_code"] == "killed_by_command"
    assert not (tmp_path / "started").exists()


def test_a_signal_waits_until_there_is_a_command(
    granted: Driven, server: ScriptedServer, tmp_path: Path
) -> None:
    instance = server.instances[NEXT]
    instance.tell(7, "signal", signal="SIGUSR1")
    beats = instance.heartbeats
    eventually(lambda: instance.heartbeats >= beats + 2)
    assert instance.acknowledged == []
    (tmp_path / "go").touch()
    granted.until_ended(NEXT)
    assert [one["result"] for one in instance.acknowledged] == ["SIGUSR1 was sent to its processes"]
