"""The local cluster: a real agent in a real subprocess."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobmon_client.clusters import registry
from jobmon_client.clusters.base import Batch, ClusterContext, Item
from jobmon_client.clusters.local import LocalCluster
from jobmon_client.clusters.local_ids import agent_pid
from jobmon_client.config import Settings
from jobmon_client.errors import ClusterError, UnknownCluster
from jobmon_client.states import TaskInstanceStatus
from tests.client.agents import gone, guardian_of
from tests.client.scripted_server import ScriptedServer
from tests.support.waiting import eventually

Make = Callable[..., LocalCluster]


@pytest.fixture
def cluster(server: ScriptedServer, settings: Callable[..., Settings]) -> Iterator[Make]:
    made: list[LocalCluster] = []

    def make(**flags: Any) -> LocalCluster:
        one = LocalCluster(ClusterContext(server.url, settings(**flags)))
        made.append(one)
        one.start()
        return one

    yield make
    for one in made:
        one.stop()


def submit(cluster: LocalCluster, server: ScriptedServer, *commands: str, **requested: Any) -> list[str]:
    first = len(server.instances) + 1
    items = []
    for step, command in enumerate(commands):
        server.add(first + step)
        items.append(Item(first + step, step, "name", command, 1, 1, 1))
    ids = cluster.submit(Batch(1, "", 1, "local", "", requested, tuple(items)))
    return [ids[step] for step in range(len(commands))]


def test_commands_run_and_then_are_not_active(cluster: Make, server: ScriptedServer) -> None:
    local = cluster(concurrency=2)
    assert local.capacity() == 12
    ids = submit(local, server, "echo $JOBMON_DISTRIBUTOR_ID", "exit 1")
    eventually(lambda: not local.active(ids))
    assert server.last(1)["stdout_log"].strip() == ids[0] == server.instances[1].reports[0]["distributor_id"]
    assert server.instances[2].status == "ERROR"
    assert local.exit_info(ids[0]) is None
    assert local.capacity() == 12


def test_what_is_in_hand_counts_against_the_capacity(cluster: Make, server: ScriptedServer) -> None:
    local = cluster(concurrency=1)
    ids = submit(local, server, *["sleep 300"] * 4)
    assert local.active([*ids, "elsewhere:1:1"]) == set(ids)
    assert local.capacity() == 6


def test_what_dead_agents_left_is_killed_at_the_start(
    cluster: Make, server: ScriptedServer, tmp_path: Path
) -> None:
    first = cluster()
    marker, spared = tmp_path / "pid", tmp_path / "spared"
    (lost,) = submit(first, server, f"echo $$ > {marker}; exec sleep 300")
    eventually(lambda: marker.exists() and marker.read_text())
    first._stop.set()  # as if the process of the distributor were dead too
    first._in_hand.clear()
    agent = agent_pid(lost) or 0
    os.kill(guardian_of(agent), signal.SIGKILL)
    os.kill(agent, signal.SIGKILL)
    eventually(lambda: not Path(f"/proc/{agent}").exists())
    assert not gone(marker)
    second = cluster()
    eventually(lambda: gone(marker))
    submit(second, server, f"echo $$ > {spared}; exec sleep 300")
    eventually(lambda: spared.exists() and spared.read_text())
    cluster()
    assert not gone(spared)


def test_it_asks_for_more_only_when_half_of_its_stock_is_gone(cluster: Make, server: ScriptedServer) -> None:
    local = cluster(concurrency=1)
    submit(local, server, *["sleep 300"] * 5)
    assert local.capacity() == 5
    submit(local, server, "sleep 300")
    assert local.capacity() == 0


def test_cancel_ends_what_runs_and_what_waits(cluster: Make, server: ScriptedServer) -> None:
    local = cluster(concurrency=1)
    ids = submit(local, server, "sleep 300", "sleep 300")
    eventually(lambda: server.instances[1].status == "RUNNING")
    for one in server.instances.values():
        one.status = "KILL_SELF"
    local.cancel([*ids, "elsewhere:1:1"])
    eventually(lambda: not local.active(ids))
    assert {one.status for one in server.instances.values()} == {"ERROR_FATAL"}


def test_a_check_brings_a_kill_at_once(cluster: Make, server: ScriptedServer) -> None:
    local = cluster()
    ids = submit(local, server, "sleep 300")
    eventually(lambda: server.instances[1].status == "RUNNING")
    server.instances[1].status = "KILL_SELF"

    def killed() -> bool:
        local.check(ids)  # the command may not have been started when the first question was asked
        return server.instances[1].status == "ERROR_FATAL"

    eventually(killed)


def test_a_dead_agent_takes_its_commands_along_and_is_replaced(
    cluster: Make, server: ScriptedServer, tmp_path: Path
) -> None:
    local = cluster()
    marker = tmp_path / "pid"
    ids = submit(local, server, f"sleep 300 & echo $! > {marker}; wait")
    eventually(lambda: marker.exists() and marker.read_text())
    os.kill(agent_pid(ids[0]) or 0, signal.SIGKILL)
    info = eventually(lambda: local.exit_info(ids[0]))
    assert info
    assert info.error_state is TaskInstanceStatus.UNKNOWN_ERROR
    assert "ended with -9" in info.message
    assert not local.active(ids)
    eventually(lambda: gone(marker))
    again = submit(local, server, "true")
    assert agent_pid(again[0]) != agent_pid(ids[0])
    eventually(lambda: server.instances[2].status == "DONE")


def test_a_later_distributor_knows_and_ends_what_an_earlier_one_left(
    cluster: Make, server: ScriptedServer, settings: Callable[..., Settings], tmp_path: Path
) -> None:
    first, second = cluster(), cluster()
    marker = tmp_path / "pid"
    ids = submit(first, server, f"echo $$ > {marker}; exec sleep 300")
    eventually(lambda: marker.exists() and marker.read_text())
    assert second.active(ids) == set(ids)
    second.cancel(ids)  # its agent lives and obeys the server: nobody else interferes
    assert not gone(marker)
    first._stop.set()  # as if the process of the first distributor were dead too: nobody tidies up
    os.kill(agent_pid(ids[0]) or 0, signal.SIGKILL)
    first._in_hand.clear()

    def ended() -> bool:
        second.cancel(ids)  # an agent that is dying may still look alive to the first try
        return gone(marker) and not second.active(ids)

    eventually(ended)


def test_a_command_whose_agent_is_dead_ends_before_it_is_said_to_be_over(
    cluster: Make, server: ScriptedServer, tmp_path: Path
) -> None:
    first, second = cluster(), cluster()
    marker = tmp_path / "pid"
    ids = submit(first, server, f"echo $$ > {marker}; exec sleep 300")
    eventually(lambda: marker.exists() and marker.read_text())
    assert second.exit_info(ids[0]) is None
    first._stop.set()  # as if the process of the first distributor were dead too: nobody tidies up
    os.kill(agent_pid(ids[0]) or 0, signal.SIGKILL)
    first._in_hand.clear()
    info = eventually(lambda: second.exit_info(ids[0]))
    assert info
    assert info.error_state is TaskInstanceStatus.UNKNOWN_ERROR
    eventually(lambda: gone(marker))


@pytest.mark.parametrize(
    ("limit", "status"), [(0.2, "RESOURCE_ERROR"), (0, "DONE"), ("x", "DONE"), (True, "DONE")]
)
def test_a_requested_time_limit_is_kept(
    cluster: Make, server: ScriptedServer, limit: object, status: str
) -> None:
    local = cluster()
    ids = submit(local, server, "sleep 0.6", time_limit=limit)
    eventually(lambda: not local.active(ids))
    assert server.instances[1].status == status


def test_stop_ends_the_agent_and_every_command(cluster: Make, server: ScriptedServer, tmp_path: Path) -> None:
    local = cluster(concurrency=1)
    marker = tmp_path / "pid"
    ids = submit(local, server, f"sleep 300 & echo $! > {marker}; wait", "sleep 300")
    eventually(lambda: marker.exists() and marker.read_text())
    local.stop()
    assert gone(marker)
    assert not Path(f"/proc/{agent_pid(ids[0])}").exists()
    assert {one.status for one in server.instances.values()} == {"ERROR"}
    with pytest.raises(ClusterError):
        submit(local, server, "true")


def test_results_are_kept_by_database_and_not_by_address(
    server: ScriptedServer, settings: Callable[..., Settings], tmp_path: Path
) -> None:
    def spool(url: str, users: str | None) -> str:
        context = ClusterContext(url, settings(), users_file=tmp_path / users if users else None)
        options = LocalCluster(context)._options()
        return options[options.index("--spool-dir") + 1]

    assert spool("http://a:1", "one.users") == spool("http://a:2", "one.users")
    assert (
        len({spool("http://a:1", "one.users"), spool("http://a:1", "two.users"), spool("http://a:1", None)})
        == 3
    )


def test_who_waits_is_woken_when_something_ended(
    server: ScriptedServer, settings: Callable[..., Settings]
) -> None:
    woken: list[bool] = []
    local = LocalCluster(ClusterContext(server.url, settings(), lambda: woken.append(True)))
    try:
        local.start()
        submit(local, server, "true")
        eventually(lambda: woken)
    finally:
        local.stop()


def test_plugins_are_found_by_name_and_an_unknown_name_lists_them(
    server: ScriptedServer, settings: Callable[..., Settings]
) -> None:
    context = ClusterContext(server.url, settings())
    assert isinstance(registry.make("local", context), LocalCluster)
    with pytest.raises(UnknownCluster, match=r"no cluster 'moon' is installed; there are: .*local"):
        registry.make("moon", context)
