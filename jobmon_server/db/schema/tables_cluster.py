"""Tables about clusters: what queues have at most, and what was handed to a cluster in one piece. No behaviour."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, UniqueConstraint

from jobmon_server.db.core.types import Exact, Id, Instant, Json
from jobmon_server.db.schema.columns import NAME_LENGTH, table

cluster_queue = table(
    "cluster_queue",
    Column("cluster", Exact(NAME_LENGTH), primary_key=True),
    Column("queue", Exact(NAME_LENGTH), primary_key=True),
    Column("maximum", Json, nullable=False),
    Column("updated_at", Instant, nullable=False),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
)

submission = table(
    "submission",
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("submission_uuid", Exact(NAME_LENGTH), nullable=False),
    Column("cluster", Exact(NAME_LENGTH), nullable=False),
    Column("distributor", Exact(NAME_LENGTH), nullable=False),
    # The cluster's own number of the whole, once it is known.
    Column("distributor_id", Exact(NAME_LENGTH)),
    Column("created_at", Instant, nullable=False),
    Column("removed_at", Instant),
    UniqueConstraint("submission_uuid"),
    Index(None, "cluster", "distributor_id"),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    sqlite_autoincrement=True,
)

submission_step = table(
    "submission_step",
    Column(
        "submission_id",
        Id,
        ForeignKey("submission.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("task_instance_id", Id, ForeignKey("task_instance.id", ondelete="CASCADE"), nullable=False),
    Index(None, "task_instance_id"),
    mysql_engine="InnoDB",
)
