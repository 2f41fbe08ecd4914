"""The agent that is started before the server is known."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from jobmon_client.clusters.base import Batch, ClusterContext, Item
from jobmon_client.clusters.local import LocalCluster
from jobmon_client.clusters.local_ids import agent_pid, is_agent
from jobmon_client.clusters.spare_agent import Spare
from jobmon_client.config import Settings
from tests.client.agents import gone
from tests.client.scripted_server import ScriptedServer
from tests.support.waiting import eventually

Make = Callable[..., Settings]
ORPHAN = """
import os, signal
from jobmon_client import config
from jobmon_client.clusters.spare_agent import Spare
spare = Spare(config.load({}, {"HOME": "/nowhere"}))
print(spare.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def run_one(cluster: LocalCluster, server: ScriptedServer) -> int | None:
    """Run a command; the pid of the agent that ran it."""
    server.add(1)
    (said,) = cluster.submit(
        Batch(1, "", 1, "local", "", {}, (Item(1, 0, "name", "true", 1, 1, 1),))
    ).values()
    eventually(lambda: server.instances[1].status == "DONE", 20)
    return agent_pid(said)


def test_a_cluster_takes_it_and_it_serves_as_any_other(server: ScriptedServer, settings: Make) -> None:
    with Spare(settings()) as spare:
        pid = spare.pid
        cluster = LocalCluster(ClusterContext(server.url, settings(), spare=spare))
        cluster.start()
        assert run_one(cluster, server) == pid
        assert spare.take([]) is None
    assert is_agent(pid)
    cluster.stop()
    assert not is_agent(pid)


def test_where_it_has_died_another_is_started(server: ScriptedServer, settings: Make) -> None:
    with Spare(settings()) as spare:
        pid = spare.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        cluster = LocalCluster(ClusterContext(server.url, settings(), spare=spare))
        cluster.start()
        assert run_one(cluster, server) != pid
        cluster.stop()


def test_who_is_not_needed_ends(settings: Make) -> None:
    with Spare(settings()) as spare:
        pid = spare.pid
        eventually(lambda: is_agent(pid))
    assert not is_agent(pid)


def test_it_ends_with_who_started_it(tmp_path: Path) -> None:
    said = subprocess.run([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, check=False).stdout
    (tmp_path / "pid").write_bytes(said)
    eventually(lambda: gone(tmp_path / "pid"), 20)
