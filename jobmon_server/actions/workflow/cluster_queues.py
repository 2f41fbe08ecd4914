"""What a cluster's queue has at most: what a task may be scaled up to before it goes elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome
from jobmon_server.db.workflows import cluster_queues


@dataclass(frozen=True, slots=True)
class QueueMaximum:
    """A queue and its maximum by resource; None: it has none."""

    outcome: Outcome
    cluster: str
    queue: str
    maximum: dict[str, float] | None


def set_maximum(
    connection: Connection, cluster: str, queue: str, maximum: dict[str, float] | None
) -> QueueMaximum:
    """Set or, with None, remove the maximum of a queue."""
    was = cluster_queues.lock_maximum(connection, cluster, queue)
    if was == maximum:
        return QueueMaximum(Outcome.DUPLICATE, cluster, queue, maximum)
    cluster_queues.write_maximum(connection, cluster, queue, maximum, is_known=was is not None)
    return QueueMaximum(Outcome.APPLIED, cluster, queue, maximum)
