"""What is written down and never moved: the journal, the errors; and the lease that one process holds. No behaviour."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index

from jobmon_client.states import TaskInstanceStatus, TaskStatus
from jobmon_server.db.core.types import Exact, FreeText, Id, Instant, Word, status_check, status_column
from jobmon_server.db.schema.columns import NAME_LENGTH, new_table, parent, row_id, table

journal = new_table(
    "journal",
    row_id(),
    parent("task_instance_id", "task_instance.id"),
    status_column(TaskInstanceStatus, "was", nullable=True),
    status_column(TaskInstanceStatus, "wanted"),
    Column("outcome", Word(16), nullable=False),
    status_column(TaskStatus, "task_from", nullable=True),
    status_column(TaskStatus, "task_to", nullable=True),
    Column("reporter", Word(16), nullable=False),
    Column("reporter_id", Exact(NAME_LENGTH)),
    Column("reason", FreeText),
    Column("time", Instant, nullable=False),
    status_check("journal", TaskInstanceStatus, "wanted"),
    Index(None, "task_instance_id"),
)

error_log = new_table(
    "task_instance_error_log",
    row_id(),
    parent("task_instance_id", "task_instance.id"),
    # Told again so that a workflow's errors are found by id. No foreign key: it would lock the workflow, which reports never wait for.
    Column("workflow_id", Id, nullable=False),
    Column("error_time", Instant, nullable=False),
    Column("source", Word(16), nullable=False),
    Column("description", FreeText, nullable=False),
    Index(None, "task_instance_id"),
    Index(None, "workflow_id"),
)

lease = table(
    "lease",
    Column("name", Word(64), primary_key=True),
    Column("holder", Exact(NAME_LENGTH)),
    Column("term", Id, nullable=False, server_default="0"),
    Column("expires_at", Instant),
    # Until when somebody has led, for how many seconds in all, and who: a process, or single passes (`reap --once`).
    Column("led_at", Instant),
    Column("led_seconds", Double, nullable=False, server_default="0"),
    Column("led_by", Word(8)),
    # Since when a leader is back, while what that asks for is not done.
    Column("back_at", Instant),
    mysql_engine="InnoDB",
)
