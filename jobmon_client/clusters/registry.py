"""Finds cluster plugins by their entry points."""

from __future__ import annotations

from importlib.metadata import entry_points

from jobmon_client.clusters.base import Cluster, ClusterContext
from jobmon_client.errors import UnknownCluster

GROUP = "jobmon.clusters"


def names() -> list[str]:
    """Return the names of the plugins that are installed."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def make(name: str, context: ClusterContext) -> Cluster:
    """Make the cluster; raise UnknownCluster, naming those that there are."""
    for point in entry_points(group=GROUP, name=name):
        cluster: Cluster = point.load()(context)
        return cluster
    raise UnknownCluster(f"no cluster {name!r} is installed; there are: {', '.join(names())}")
