"""An agent is asked whether it works: one that does not answer is given nothing, and ended; one that dies is told of at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobmon_client.clusters.base import Batch, ClusterContext, Item
from jobmon_client.clusters.local import LocalCluster
from jobmon_client.clusters.local_ids import agent_pid, works
from jobmon_client.config import Settings
from jobmon_client.states import TaskInstanceStatus
from tests.client.agents import gone
from tests.client.scripted_server import ScriptedServer
from tests.support.waiting import eventually

Make = Callable[..., LocalCluster]


@pytest.fixture
def cluster(server: ScriptedServer, settings: Callable[..., Settings]) -> Iterator[Make]:
    made: list[LocalCluster] = []

    def make(**flags: Any) -> LocalCluster:
        one = LocalCluster(ClusterContext(server.url, settings(kill_grace=0, **flags)))
        made.append(one)
        one.start()
        return one

    yield make
    for one in made:
        one.stop()


def submit(cluster: LocalCluster, server: ScriptedServer, *commands: str) -> list[str]:
    first = len(server.instances) + 1
    items = []
    for step, command in enumerate(commands):
        server.add(first + step)
        items.append(Item(first + step, step, "name", command, 1, 1, 1))
    ids = cluster.submit(Batch(1, "", 1, "local", "", {}, tuple(items)))
    return [ids[step] for step in range(len(commands))]


def freeze(cluster: LocalCluster, server: ScriptedServer, tmp_path: Path) -> tuple[int, Path]:
    """Stop the agent while it runs a command; its pid, and the file with the pid of what left the command's group."""
    marker = tmp_path / "pid"
    ids = submit(cluster, server, f"setsid sh -c 'echo $$ > {marker}; exec sleep 300' & sleep 300")
    eventually(lambda: marker.exists() and marker.read_text(), 60)
    agent = agent_pid(ids[0]) or 0
    os.kill(agent, signal.SIGSTOP)
    return agent, marker


def test_an_agent_that_does_not_answer_is_ended_and_its_attempts_are_told(
    cluster: Make, server: ScriptedServer, tmp_path: Path
) -> None:
    local = cluster(agent_patience=3)
    agent, marker = freeze(local, server, tmp_path)
    told = eventually(local.lost, 60)
    assert list(told) == [1]
    assert told[1].error_state is TaskInstanceStatus.UNKNOWN_ERROR
    assert "did not answer for 3 seconds" in told[1].message
    assert gone(marker)
    assert not Path(f"/proc/{agent}").exists()
    submit(local, server, "true")
    eventually(lambda: server.instances[2].status == "DONE", 60)
    assert local.lost() == {}


def test_a_silent_agent_is_given_nothing_more(cluster: Make, server: ScriptedServer, tmp_path: Path) -> None:
    local = cluster(concurrency=4, agent_patience=1000)
    assert local.capacity() > 0
    agent, _marker = freeze(local, server, tmp_path)
    eventually(lambda: local.capacity() == 0, 60)
    os.kill(agent, signal.SIGCONT)
    eventually(lambda: local.capacity() > 0, 60)
    local.kill()


def test_a_full_pipe_to_a_silent_agent_holds_nobody_up(
    cluster: Make, server: ScriptedServer, tmp_path: Path
) -> None:
    local = cluster(agent_patience=5)
    freeze(local, server, tmp_path)
    ids = submit(local, server, *[f"echo {'x' * 100_000}"] * 5)
    assert local.active(ids) == set(ids)
    assert set(eventually(local.lost, 60)) == set(range(1, 7))


def test_an_agent_that_dies_is_told_of_at_once(cluster: Make, server: ScriptedServer, tmp_path: Path) -> None:
    local = cluster(agent_patience=1000)
    marker = tmp_path / "pid"
    ids = submit(local, server, f"(setsid sh -c 'echo $$ > {marker}; exec sleep 300' &)\nsleep 300")
    eventually(lambda: marker.exists() and marker.read_text(), 60)
    os.kill(agent_pid(ids[0]) or 0, signal.SIGKILL)
    told = eventually(local.lost, 60)
    assert gone(marker)
    assert "ended with -9" in told[1].message


def test_a_stopped_agent_of_another_distributor_keeps_nothing_alive(
    cluster: Make, server: ScriptedServer, tmp_path: Path
) -> None:
    first, second = cluster(agent_patience=1000), cluster()
    marker = tmp_path / "pid"
    ids = submit(first, server, f"echo $$ > {marker}; exec sleep 300")
    eventually(lambda: marker.exists() and marker.read_text(), 60)
    assert second.active(ids) == set(ids)
    agent = agent_pid(ids[0]) or 0
    os.kill(agent, signal.SIGSTOP)
    eventually(lambda: not works(agent))
    assert not second.active(ids)
    assert second.exit_info(ids[0])
    assert gone(marker)
    first.kill()
