"""What tasks need for their next attempt: resources, what queues have at most, how long they wait."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from jobmon_server.db.schema.tables import task
from jobmon_server.db.schema.tables_cluster import cluster_queue
from jobmon_server.fsm.retry_delay import RetryDelay

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


def read_retry_delays(connection: Connection, task_ids: Sequence[int]) -> dict[int, RetryDelay]:
    """Return how long these tasks, locked already, wait after a failure; by id, those that have a delay."""
    columns = (task.c.id, task.c.retry_seconds, task.c.retry_factor, task.c.retry_jitter)
    statement = select(*columns).where(task.c.id.in_(task_ids), task.c.retry_seconds.is_not(None))
    return {
        row.id: RetryDelay(row.retry_seconds, row.retry_factor, row.retry_jitter)
        for row in connection.execute(statement)
    }


def read_maxima(connection: Connection, clusters: Iterable[str]) -> Maxima:
    """Return the maxima of all queues of these clusters that have one."""
    statement = select(cluster_queue).where(cluster_queue.c.cluster.in_(sorted(set(clusters))))
    return {(row.cluster, row.queue): row.maximum for row in connection.execute(statement)}
