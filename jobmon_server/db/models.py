"""Tables, keys, CHECKs and indexes; no behaviour. docs/architecture.md says which question each index answers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    false,
)

from jobmon_client.states import TaskInstanceStatus, TaskStatus, WorkflowRunStatus, WorkflowStatus
from jobmon_server.db.types import (
    Exact,
    ExactText,
    FreeText,
    Id,
    Instant,
    Json,
    Word,
    one_of,
    status_check,
    status_column,
)
from jobmon_server.fsm.task_instance import TASK_INSTANCE, TENDED
from jobmon_server.fsm.workflow import WORKFLOW_RUN

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
NAME_LENGTH = 255


def _table(name: str, *parts: Any) -> Table:
    # AUTOINCREMENT: an id is never used again, on SQLite either.
    return Table(
        name, metadata, *parts, mysql_engine="InnoDB", mysql_charset="utf8mb4", sqlite_autoincrement=True
    )


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=True)


def _parent(name: str, target: str) -> Column[int]:
    return Column(name, Id, ForeignKey(target, ondelete="CASCADE"), nullable=False)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean(create_constraint=True, name=name), nullable=False, server_default=false())


def _cluster_while(statuses: Any) -> Computed:
    return Computed(f"CASE WHEN {one_of('status', statuses)} THEN cluster END", persisted=True)


workflow = _table(
    "workflow",
    _id(),
    Column("name", Exact(NAME_LENGTH), nullable=False),
    Column("client_id", Exact(NAME_LENGTH)),
    Column("request_id", Exact(NAME_LENGTH)),
    status_column(WorkflowStatus),
    _flag("held"),
    Column("max_concurrently_running", Integer),
    Column("attributes", Json),
    Column("callback_url", FreeText),
    Column("expiry_seconds", Integer),
    # The run that was started last. No foreign key: the two tables would each need the other first.
    Column("last_run_id", Id),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("client_id", "request_id"),
    CheckConstraint("(client_id IS NULL) = (request_id IS NULL)", name="workflow_identity"),
    CheckConstraint("max_concurrently_running >= 0", name="workflow_limit"),
    status_check("workflow", WorkflowStatus),
    Index(None, "status"),
)

workflow_run = _table(
    "workflow_run",
    _id(),
    _parent("workflow_id", "workflow.id"),
    status_column(WorkflowRunStatus),
    Column("report_by", Instant),
    Column("next_report_increment", Double, nullable=False),
    Column("request_id", Exact(NAME_LENGTH)),
    Column("reason", FreeText),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("workflow_id", "request_id"),
    status_check("workflow_run", WorkflowRunStatus),
    CheckConstraint(
        f"(report_by IS NOT NULL) = ({one_of('status', WORKFLOW_RUN.live)})", name="workflow_run_deadline"
    ),
    Index(None, "report_by"),
)

array = _table(
    "array",
    _id(),
    _parent("workflow_id", "workflow.id"),
    Column("name", Exact(NAME_LENGTH), nullable=False),
    Column("max_concurrently_running", Integer),
    Column("last_batch_num", Integer, nullable=False, server_default="0"),
    UniqueConstraint("workflow_id", "name"),
    CheckConstraint("max_concurrently_running >= 0", name="array_limit"),
)

array_batch = Table(
    "array_batch",
    metadata,
    Column("array_id", Id, ForeignKey("array.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("batch_num", Integer, primary_key=True, autoincrement=False),
    _parent("workflow_run_id", "workflow_run.id"),
    Column("cluster", Exact(NAME_LENGTH), nullable=False),
    Column("queue", Exact(NAME_LENGTH), nullable=False),
    Column("requested_resources", Json),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
)

task = _table(
    "task",
    _id(),
    _parent("workflow_id", "workflow.id"),
    _parent("array_id", "array.id"),
    Column("name", Exact(NAME_LENGTH), nullable=False),
    Column("command", ExactText, nullable=False),
    status_column(TaskStatus),
    Column("num_attempts", Integer, nullable=False, server_default="0"),
    Column("max_attempts", Integer, nullable=False),
    Column("num_refunds", Integer, nullable=False, server_default="0"),
    Column("last_attempt", Integer, nullable=False, server_default="0"),
    Column("upstreams_left", Integer, nullable=False, server_default="0"),
    _flag("released"),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("cluster", Exact(NAME_LENGTH), nullable=False),
    Column("queue", Exact(NAME_LENGTH), nullable=False),
    Column("requested_resources", Json),
    Column("resource_scales", Json),
    Column("fallback_queues", Json),
    Column("attributes", Json),
    Column("definition_digest", Word(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("workflow_id", "name"),
    status_check("task", TaskStatus),
    CheckConstraint("num_attempts >= 0 AND max_attempts >= 1 AND upstreams_left >= 0", name="task_counts"),
    Index(None, "array_id"),
)
Index(
    "ix_task_schedule",
    task.c.workflow_id,
    task.c.status,
    task.c.released,
    task.c.upstreams_left,
    task.c.priority.desc(),
    task.c.id,
)

edge = Table(
    "edge",
    metadata,
    Column(
        "upstream_id", Id, ForeignKey("task.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    ),
    Column(
        "downstream_id", Id, ForeignKey("task.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    ),
    Index(None, "downstream_id"),
    mysql_engine="InnoDB",
)

_WITHOUT_DEADLINE = TASK_INSTANCE.terminal | {TASK_INSTANCE.initial}
task_instance = _table(
    "task_instance",
    _id(),
    _parent("task_id", "task.id"),
    _parent("workflow_run_id", "workflow_run.id"),
    Column("array_id", Id, nullable=False),
    Column("batch_num", Integer, nullable=False),
    Column("array_step_id", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    status_column(TaskInstanceStatus),
    Column("status_by", Word(16), nullable=False),
    Column("report_by", Instant),
    Column("next_report_increment", Double),
    _flag("orphan"),
    _flag("requeue"),
    Column("cluster", Exact(NAME_LENGTH), nullable=False),
    # The cluster while somebody of it must act, else null: two small indexes that most moves do not touch.
    Column("waiting_cluster", Exact(NAME_LENGTH), _cluster_while({TASK_INSTANCE.initial})),
    Column("tended_cluster", Exact(NAME_LENGTH), _cluster_while(TENDED)),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("distributor", Exact(NAME_LENGTH)),
    Column("distributor_id", Exact(NAME_LENGTH)),
    Column("worker_id", Exact(NAME_LENGTH)),
    Column("nodename", FreeText),
    Column("process_group_id", Id),
    Column("stdout", FreeText),
    Column("stderr", FreeText),
    Column("stdout_log", FreeText),
    Column("stderr_log", FreeText),
    Column("usage", Json),
    Column("metrics", Json),
    Column("result", Json),
    Column("queued_at", Instant, nullable=False),
    Column("instantiated_at", Instant),
    Column("launched_at", Instant),
    Column("started_at", Instant),
    Column("heartbeat_at", Instant),
    Column("finished_at", Instant),
    Column("status_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("task_id", "attempt"),
    UniqueConstraint("array_id", "batch_num", "array_step_id"),
    ForeignKeyConstraint(
        ["array_id", "batch_num"], ["array_batch.array_id", "array_batch.batch_num"], ondelete="CASCADE"
    ),
    status_check("task_instance", TaskInstanceStatus),
    CheckConstraint(
        f"(report_by IS NULL) = ({one_of('status', _WITHOUT_DEADLINE)})", name="task_instance_deadline"
    ),
    Index(None, "workflow_run_id"),
    Index(None, "report_by"),
)
Index(
    "ix_task_instance_claim",
    task_instance.c.waiting_cluster,
    task_instance.c.priority.desc(),
    task_instance.c.id,
)
Index("ix_task_instance_tended", task_instance.c.tended_cluster, task_instance.c.id)

journal = _table(
    "journal",
    _id(),
    _parent("task_instance_id", "task_instance.id"),
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

error_log = _table(
    "task_instance_error_log",
    _id(),
    _parent("task_instance_id", "task_instance.id"),
    Column("error_time", Instant, nullable=False),
    Column("source", Word(16), nullable=False),
    Column("description", FreeText, nullable=False),
    Index(None, "task_instance_id"),
)

lease = Table(
    "lease",
    metadata,
    Column("name", Word(64), primary_key=True),
    Column("holder", Exact(NAME_LENGTH)),
    Column("term", Id, nullable=False, server_default="0"),
    Column("expires_at", Instant),
    mysql_engine="InnoDB",
)
