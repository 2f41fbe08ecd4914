"""The maxima of clusters' queues."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from jobmon_server.db.core import clock
from jobmon_server.db.core.rows import RowDict, fetch_rows
from jobmon_server.db.core.transaction import LostRace
from jobmon_server.db.schema.tables_cluster import cluster_queue


def lock_maximum(connection: Connection, cluster: str, queue: str) -> dict[str, float] | None:
    """Return a queue's maximum, locked; None when it has none."""
    statement = select(cluster_queue.c.maximum).where(
        cluster_queue.c.cluster == cluster, cluster_queue.c.queue == queue
    )
    found: dict[str, float] | None = connection.execute(statement.with_for_update()).scalar_one_or_none()
    return found


def write_maximum(
    connection: Connection, cluster: str, queue: str, maximum: dict[str, float] | None, *, is_known: bool
) -> None:
    """Insert, change or, with None, delete a queue's maximum."""
    place = (cluster_queue.c.cluster == cluster) & (cluster_queue.c.queue == queue)
    if maximum is None:
        connection.execute(delete(cluster_queue).where(place))
        return
    values = {"maximum": maximum, "updated_at": clock.read_clock(connection)}
    if is_known:
        connection.execute(update(cluster_queue).where(place).values(values))
        return
    try:
        connection.execute(insert(cluster_queue).values(cluster=cluster, queue=queue, **values))
    except IntegrityError as taken:
        raise LostRace from taken


def list_queues(connection: Connection, cluster: str | None = None) -> list[RowDict]:
    """Return the queues that have a maximum, by cluster and name."""
    statement = select(cluster_queue.c.cluster, cluster_queue.c.queue, cluster_queue.c.maximum)
    if cluster is not None:
        statement = statement.where(cluster_queue.c.cluster == cluster)
    return fetch_rows(connection, statement.order_by(cluster_queue.c.cluster, cluster_queue.c.queue))
