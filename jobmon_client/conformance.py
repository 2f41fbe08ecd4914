"""What every cluster plugin must do, as tests that its author runs with pytest against a real server.

    from jobmon_client.conformance import ClusterConformance
    from jobmon_server.inprocess import Server

    class TestMine(ClusterConformance):
        cluster_name = "mine"

        @pytest.fixture
        def server_url(self):
            with Server() as server:
                yield server.url

The commands write files below `tmp_path`, so the cluster must see that directory. A plugin that runs no processes says so
with `runs_commands = False`; what is asked of it then is that everything ends DONE at once.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobmon_client import config
from jobmon_client.api.client import Api
from jobmon_client.clusters import registry
from jobmon_client.clusters.base import Cluster, ClusterContext
from jobmon_client.distributor.service import Distributor
from jobmon_client.http import Http

LONGEST_ID = 255
UNKNOWN = "no such job"
ELSEWHERE = """
import json, sys
from pathlib import Path
from jobmon_client import config
from jobmon_client.clusters import registry
from jobmon_client.clusters.base import ClusterContext

name, url, home, *ids = sys.argv[1:]
settings = config.load({"server_url": url, "data_dir": home}, {"HOME": home})
cluster = registry.make(name, ClusterContext(url, settings))
print(json.dumps(sorted(cluster.active(ids))))
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """A cluster with a distributor that serves it, and a workflow whose tasks it is given."""

    api: Api
    cluster: Cluster
    run_id: int
    instances: dict[str, int]

    def status(self, name: str) -> str:
        """Return the status of a task's first instance."""
        return str(self.api.task_instance(self.instances[name])["status"])

    def distributor_id(self, name: str) -> str | None:
        """Return what the cluster calls it."""
        found: str | None = self.api.task_instance(self.instances[name])["distributor_id"]
        return found

    def is_over(self, name: str) -> bool:
        """Whether the server knows that it has ended, whichever way."""
        return self.api.task_instance(self.instances[name])["finished_at"] is not None

    def is_active(self, name: str) -> bool:
        """Whether the cluster says that it has it."""
        known = self.distributor_id(name)
        return known is not None and known in self.cluster.active([known])


class ClusterConformance:
    """Subclass it, name the cluster, give it the fixture `server_url`."""

    cluster_name = ""
    runs_commands = True
    #: Seconds that the cluster may take to start a command, or to see that one has ended.
    patience = 30.0

    def settings(self, server_url: str, tmp_path: Path) -> config.Settings:
        """Return the settings that the plugin is made with; override it to add some."""
        flags = {"server_url": server_url, "log_dir": tmp_path / "logs", "concurrency": 4, "kill_grace": 2}
        # The server's token is in this user's data directory, whatever else the environment says.
        return config.load({**flags, "data_dir": config.default_data_dir()}, {"HOME": str(tmp_path)})

    @contextmanager
    def staged(self, server_url: str, tmp_path: Path, **commands: str) -> Iterator[Stage]:
        """Yield the cluster at work on these commands, by name; everything is stopped at the end."""
        settings = self.settings(server_url, tmp_path)
        stop, wake = threading.Event(), threading.Event()
        cluster = registry.make(self.cluster_name, ClusterContext(server_url, settings, wake.set))
        cluster.start()
        with Api(Http(server_url, budget=10)) as api:
            workflow_id = api.bind_workflow("conformance")["workflow_id"]
            tasks = [
                {"name": name, "command": command, "cluster": self.cluster_name, "max_attempts": 1}
                for name, command in commands.items()
            ]
            api.bind_tasks(workflow_id, tasks)
            run_id = api.start_run(workflow_id, next_report_increment=600).body["workflow_run_id"]
            queued = [one for batch in api.queue_tasks(run_id) for one in batch["task_instance_ids"]]
            distributor = Distributor(
                Api(Http(server_url, budget=10)),
                cluster,
                self.cluster_name,
                settings,
                stop=stop,
                wake=wake,
                workflow_id=workflow_id,
            )
            thread = distributor.start()
            try:
                yield Stage(api, cluster, run_id, dict(zip(commands, queued, strict=True)))
            finally:
                stop.set()
                wake.set()
                thread.join(self.patience)
                cluster.stop()

    def until(self, check: Callable[[], bool], what: str) -> None:
        """Wait until it is true; AssertionError after `patience` seconds."""
        deadline = time.monotonic() + self.patience
        while not check():
            assert time.monotonic() < deadline, f"after {self.patience:g} s it was not true that {what}"
            threading.Event().wait(0.05)

    def test_every_command_ends_as_it_exits(self, server_url: str, tmp_path: Path) -> None:
        """What exits with 0 is DONE, what does not is ERROR, and each is known by an id of its own."""
        commands = {"good": "true", "other": "true", **({"bad": "exit 3"} if self.runs_commands else {})}
        with self.staged(server_url, tmp_path, **commands) as stage:
            expected = {"good": "DONE", "other": "DONE", "bad": "ERROR"}
            for name in commands:
                self.until(lambda one=name: stage.status(one) == expected[one], f"{name} is {expected[name]}")  # type: ignore[misc]
            ids = [stage.distributor_id(name) for name in commands]
        assert all(one and len(one) <= LONGEST_ID for one in ids), ids
        assert len(set(ids)) == len(ids)

    def test_what_runs_is_active_until_it_has_ended(self, server_url: str, tmp_path: Path) -> None:
        """`active` names what runs, in this process and in another, and no more what has ended."""
        if not self.runs_commands:
            with self.staged(server_url, tmp_path, held="true") as stage:
                self.until(lambda: stage.status("held") == "DONE", "it is DONE")
            return
        go = tmp_path / "go"
        with self.staged(server_url, tmp_path, held=f"while ! test -e '{go}'; do sleep 0.05; done") as stage:
            self.until(lambda: stage.status("held") == "RUNNING", "the command runs")
            assert stage.is_active("held")
            known = stage.distributor_id("held") or ""
            assert self.active_elsewhere(server_url, tmp_path, known) == [known]
            go.touch()
            self.until(lambda: stage.status("held") == "DONE", "the command is DONE")
            self.until(lambda: not stage.is_active("held"), "it is no longer active")
            assert stage.cluster.exit_info(known) is None or stage.status("held") == "DONE"

    def active_elsewhere(self, server_url: str, tmp_path: Path, *ids: str) -> list[str]:
        """Return which of these an object of the same class has, in another process."""
        command = [
            sys.executable,
            "-c",
            ELSEWHERE,
            self.cluster_name,
            server_url,
            str(tmp_path / "elsewhere"),
        ]
        ended = subprocess.run([*command, *ids], capture_output=True, text=True, check=True, timeout=60)
        found: list[str] = json.loads(ended.stdout.splitlines()[-1])
        return found

    def test_cancel_ends_a_command_with_its_children(self, server_url: str, tmp_path: Path) -> None:
        """What is cancelled ends, the children too; to cancel it again, or what is unknown, is no error."""
        if not self.runs_commands:
            with self.staged(server_url, tmp_path, held="true") as stage:
                stage.cluster.cancel([UNKNOWN])
            return
        child = tmp_path / "child"
        command = f"sleep 300 & echo $! > '{child}.new'; mv '{child}.new' '{child}'; wait"
        with self.staged(server_url, tmp_path, held=command) as stage:
            self.until(child.exists, "the command has a child")
            known = stage.distributor_id("held") or ""
            stage.cluster.cancel([known, UNKNOWN])
            self.until(lambda: not stage.is_active("held"), "it is no longer active")
            self.until(lambda: is_gone(int(child.read_text())), "its child is gone")
            stage.cluster.cancel([known])
            self.until(lambda: stage.is_over("held"), "the server knows that it is over")

    def test_a_terminated_run_ends_what_runs(self, server_url: str, tmp_path: Path) -> None:
        """The server's order to die reaches the command, and its death is confirmed."""
        if not self.runs_commands:
            return
        started = tmp_path / "started"
        with self.staged(server_url, tmp_path, held=f"touch '{started}'; sleep 300") as stage:
            self.until(started.exists, "the command runs")
            stage.api.terminate(stage.run_id)
            self.until(lambda: stage.status("held") == "ERROR_FATAL", "its death is confirmed")

    def test_what_is_unknown_is_neither_active_nor_an_error(self, server_url: str, tmp_path: Path) -> None:
        """An id of nobody: not active, no exit info, nothing to cancel."""
        with self.staged(server_url, tmp_path) as stage:
            assert stage.cluster.active([UNKNOWN]) == set()
            assert stage.cluster.active([]) == set()
            assert stage.cluster.exit_info(UNKNOWN) is None
            stage.cluster.cancel([])

    def test_capacity_is_a_number_or_none(self, server_url: str, tmp_path: Path) -> None:
        """0 or more, or None for no limit."""
        with self.staged(server_url, tmp_path) as stage:
            room: Any = stage.cluster.capacity()
            assert room is None or (isinstance(room, int) and room >= 0)

    def test_stop_is_bounded_and_may_be_repeated(self, server_url: str, tmp_path: Path) -> None:
        """It returns, twice."""
        with self.staged(server_url, tmp_path, quick="true") as stage:
            stage.cluster.stop()
            stage.cluster.stop()


def is_gone(pid: int) -> bool:
    """Whether a process of this machine has ended, or waits as a zombie for its parent."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return True
    return stat.rpartition(b")")[2].split()[0] == b"Z"
