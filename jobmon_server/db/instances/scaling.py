"""The resources of tasks that are to ask for more, and what queues have at most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from jobmon_server.db.schema.tables import task
from jobmon_server.db.schema.tables_cluster import cluster_queue

#: By cluster and queue: the most that may be asked for, by resource.
Maxima = dict[tuple[str, str], dict[str, float]]


def read_scales(connection: Connection, task_ids: Sequence[int]) -> dict[int, Any]:
    """Return what these tasks, locked already, ask for, where, and how it grows."""
    columns = (
        task.c.id,
        task.c.cluster,
        task.c.queue,
        task.c.requested_resources,
        task.c.resource_scales,
        task.c.fallback_queues,
        task.c.bound_as,
    )
    statement = select(*columns).where(task.c.id.in_(task_ids))
    return {row.id: row for row in connection.execute(statement)}


def read_maxima(connection: Connection, clusters: Iterable[str]) -> Maxima:
    """Return the maxima of all queues of these clusters that have one."""
    statement = select(cluster_queue).where(cluster_queue.c.cluster.in_(sorted(set(clusters))))
    return {(row.cluster, row.queue): row.maximum for row in connection.execute(statement)}
