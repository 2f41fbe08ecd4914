"""Real processes on this machine, one at a time, in the order in which they were submitted."""

from __future__ import annotations

from dataclasses import replace

from jobmon_client.clusters.base import ClusterContext
from jobmon_client.clusters.local import LocalCluster


class SequentialCluster(LocalCluster):
    """The local cluster with one slot, whatever the settings say of concurrency."""

    def __init__(self, context: ClusterContext) -> None:
        """Take everything else from the context."""
        super().__init__(replace(context, settings=replace(context.settings, concurrency=1)))
