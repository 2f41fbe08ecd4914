"""Tables, keys, CHECKs and indexes; no behaviour. docs/architecture.md says which question each index answers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Computed,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    UniqueConstraint,
)

from jobmon_client.states import (
    AccountingStatus,
    TaskInstanceStatus,
    TaskStatus,
)
from jobmon_server.db.core.types import (
    Exact,
    ExactText,
    FreeText,
    Id,
    Instant,
    Json,
    StatusType,
    Word,
    one_of,
    status_check,
    status_column,
)
from jobmon_server.db.schema.columns import (
    NAME_LENGTH,
    REASON_LENGTH,
    execution_columns,
    flag,
    grace_columns,
    member,
    new_table,
    parent,
    plain_table,
    row_id,
    table,
)
from jobmon_server.fsm.task_instance import TASK_INSTANCE, TENDED

#: Characters that a claim and a launch may take up before a row grows.
ROOM = 96


def _while(statuses: Any, value: str) -> Computed:
    return Computed(f"CASE WHEN {one_of('status', statuses)} THEN {value} END", persisted=True)


array = new_table(
    "array",
    row_id(),
    parent("workflow_id", "workflow.id"),
    Column("name", Exact(NAME_LENGTH), nullable=False),
    Column("max_concurrently_running", Integer),
    Column("last_batch_num", Integer, nullable=False, server_default="0"),
    UniqueConstraint("workflow_id", "name"),
    CheckConstraint("max_concurrently_running >= 0", name="array_limit"),
)

array_batch = plain_table(
    "array_batch",
    member("array_id", "array.id"),
    Column("batch_num", Integer, primary_key=True, autoincrement=False),
    parent("workflow_run_id", "workflow_run.id"),
    Column("cluster", Exact(NAME_LENGTH), nullable=False),
    Column("queue", Exact(NAME_LENGTH), nullable=False),
    Column("requested_resources", Json),
    # Rows that go with their parent are found by an index, here as everywhere.
    Index(None, "workflow_run_id"),
)

task = new_table(
    "task",
    row_id(),
    parent("workflow_id", "workflow.id"),
    parent("array_id", "array.id"),
    Column("name", Exact(NAME_LENGTH), nullable=False),
    Column("type", Exact(NAME_LENGTH), nullable=False, server_default="command"),
    Column("command", ExactText, nullable=False),
    status_column(TaskStatus),
    Column("num_attempts", Integer, nullable=False, server_default="0"),
    Column("max_attempts", Integer, nullable=False),
    Column("num_refunds", Integer, nullable=False, server_default="0"),
    Column("last_attempt", Integer, nullable=False, server_default="0"),
    Column("upstreams_left", Integer, nullable=False, server_default="0"),
    flag("released"),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("cluster", Exact(NAME_LENGTH), nullable=False),
    Column("queue", Exact(NAME_LENGTH), nullable=False),
    Column("requested_resources", Json),
    Column("resource_scales", Json),
    Column("fallback_queues", Json),
    # Its own, or its workflow's; null: as the server says.
    Column("lost_contact", Word(8)),
    Column("attributes", Json),
    # The workflow's directory where it names none; its own environment: null where neither has any.
    *execution_columns(),
    # While it waits before it is tried again: until when.
    Column("ready_at", Instant),
    Column("status_at", Instant),
    # Of its definition what has been changed since, as it was bound; null while nothing has.
    Column("bound_as", Json),
    Column("definition_digest", Word(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("workflow_id", "name"),
    status_check("task", TaskStatus),
    CheckConstraint("num_attempts >= 0 AND max_attempts >= 1 AND upstreams_left >= 0", name="task_counts"),
    Index(None, "array_id"),
    # Its tasks by id: a page of them must not begin with those of all workflows before it.
    Index(None, "workflow_id"),
)
Index(
    "ix_task_schedule",
    task.c.workflow_id,
    task.c.status,
    task.c.released,
    task.c.upstreams_left,
    # Null but for a task in its delay: what can be queued now is one range, in order.
    task.c.ready_at,
    task.c.priority.desc(),
    task.c.id,
)

edge = table(
    "edge",
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
task_instance = new_table(
    "task_instance",
    row_id(),
    parent("task_id", "task.id"),
    parent("workflow_run_id", "workflow_run.id"),
    Column("array_id", Id, nullable=False),
    Column("batch_num", Integer, nullable=False),
    Column("array_step_id", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    status_column(TaskInstanceStatus),
    Column("status_by", Word(16), nullable=False),
    Column("report_by", Instant),
    Column("next_report_increment", Double),
    # Until then its holder alone may end it; null where a worker that is out of touch goes on (lost_contact).
    Column("contact_until", Instant),
    # By how many seconds a distributor that cannot ask its cluster has put off its deadlines; null: never.
    Column("held_seconds", Double),
    *grace_columns(),
    flag("orphan"),
    flag("requeue"),
    Column("cluster", Exact(NAME_LENGTH), nullable=False),
    # The cluster while somebody of it must act, else null: two small indexes that most moves do not touch.
    Column("waiting_cluster", Exact(NAME_LENGTH), _while({TASK_INSTANCE.initial}, "cluster")),
    Column("tended_cluster", Exact(NAME_LENGTH), _while(TENDED, "cluster")),
    # Nothing, but of a size, until it is claimed: where rows stand packed, MariaDB would reorder whole pages to make
    # room for what a claim and a launch add to each.
    Column("room", Word(ROOM), _while({TASK_INSTANCE.initial}, f"'{'.' * ROOM}'")),
    Column("priority", Integer, nullable=False, server_default="0"),
    # Its workflow's, told again: a claim finds an owner's instances by an index, a report compares them in the locked row.
    Column("owner", Exact(NAME_LENGTH)),
    Column("owner_group", Exact(NAME_LENGTH)),
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
    # Why it has its status, in a word; how far its command says it is; whether its usage was accounted for.
    Column("reason_code", Exact(REASON_LENGTH)),
    Column("progress", Exact(NAME_LENGTH)),
    Column(
        "accounting",
        StatusType(AccountingStatus),
        nullable=False,
        server_default=AccountingStatus.PENDING.code,
    ),
    # Counted here so that a heartbeat, which locks this row, need not ask two more tables.
    Column("pending_commands", Integer, nullable=False, server_default="0"),
    Column("metric_samples", Integer, nullable=False, server_default="0"),
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
    status_check("task_instance", AccountingStatus, "accounting"),
    CheckConstraint(
        f"(report_by IS NULL) = ({one_of('status', _WITHOUT_DEADLINE)})", name="task_instance_deadline"
    ),
    Index(None, "workflow_run_id"),
    Index(None, "report_by"),
    Index(None, "distributor_id"),
)
Index(
    "ix_task_instance_claim",
    task_instance.c.waiting_cluster,
    task_instance.c.priority.desc(),
    task_instance.c.id,
)
#: The same of one owner, and of one group: what waits of others is not looked at.
for _whose in ("owner", "owner_group"):
    Index(
        f"ix_task_instance_claim_{_whose}",
        task_instance.c.waiting_cluster,
        task_instance.c[_whose],
        task_instance.c.priority.desc(),
        task_instance.c.id,
    )
Index("ix_task_instance_tended", task_instance.c.tended_cluster, task_instance.c.id)
