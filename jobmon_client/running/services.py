"""What works for one run: its clusters, a distributor for each, and the heartbeat of the run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event

from jobmon_client.access.credentials import Credentials
from jobmon_client.api.client import Api
from jobmon_client.clusters import registry
from jobmon_client.clusters.base import ClusterContext
from jobmon_client.clusters.spare_agent import Spare
from jobmon_client.config import Settings, spool_dir
from jobmon_client.distributor.service import Distributor
from jobmon_client.http import Http

JOIN_TIMEOUT = 5.0


class RunServices:
    """Everything that runs beside the main loop; made of parts that can each be lost without losing a result."""

    def __init__(
        self,
        settings: Settings,
        cluster_names: Iterable[str],
        *,
        on_change: Callable[[], None] = lambda: None,
        users_file: Path | None = None,
        spare: Spare | None = None,
    ) -> None:
        """Make the clusters, for `settings.server_url`; raise UnknownCluster."""
        self._settings = settings
        self._users_file = users_file
        self._stop = Event()
        self._on_change = on_change
        self._threads: list[threading.Thread] = []
        self._distributors: dict[str, Distributor] = {}
        self._wakes = {name: Event() for name in cluster_names}
        self._clusters = {
            name: registry.make(
                name,
                ClusterContext(settings.server_url or "", settings, self._waker(name), users_file, spare),
            )
            for name in self._wakes
        }

    def _waker(self, name: str) -> Callable[[], None]:
        def changed() -> None:
            distributor = self._distributors.get(name)
            if distributor is None or distributor.wants_more:  # else whoever queues will wake it
                self._wakes[name].set()
            self._on_change()

        return changed

    def start(self, workflow_id: int | None = None) -> None:
        """Start all, to work for this workflow alone if one is given; raise ClusterError if a cluster cannot be had."""
        settings = self._settings
        for name, cluster in self._clusters.items():
            cluster.start()
            http = Http(
                settings.server_url or "",
                timeout=settings.request_timeout,
                budget=None,
                stop=self._stop,
                credentials=Credentials.of(settings),
            )
            distributor = Distributor(
                Api(http),
                cluster,
                name,
                settings,
                stop=self._stop,
                wake=self._wakes[name],
                workflow_id=workflow_id,
                spool_dir=spool_dir(settings, settings.server_url or "", self._users_file),
            )
            self._distributors[name] = distributor
            self._threads.append(distributor.start())

    def wake(self) -> None:
        """There is something to claim."""
        for wake in self._wakes.values():
            wake.set()

    def end_commands(self) -> None:
        """Claim no more and end all commands, each with its grace; their ends are reported."""
        for distributor in self._distributors.values():
            distributor.drain()
        stops = [threading.Thread(target=cluster.stop, daemon=True) for cluster in self._clusters.values()]
        for one in stops:
            one.start()
        for one in stops:
            one.join()

    def kill(self) -> None:
        """End all commands at once, unreported, where the cluster's workers are our own processes."""
        for cluster in self._clusters.values():
            kill = getattr(cluster, "kill", None)
            if kill is not None:
                kill()

    def stop(self) -> None:
        """Let go of everything, within a bounded time."""
        self._stop.set()
        self.wake()
        for cluster in self._clusters.values():
            cluster.stop()
        for thread in self._threads:
            thread.join(JOIN_TIMEOUT)
