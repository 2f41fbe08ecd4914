"""Tables of workflows and their runs. No behaviour."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    UniqueConstraint,
)

from jobmon_client.states import (
    WORKFLOW_OVER,
    WorkflowRunStatus,
    WorkflowStatus,
)
from jobmon_server.db.core.types import (
    Exact,
    FreeText,
    Id,
    Instant,
    Json,
    Word,
    one_of,
    status_check,
    status_column,
)
from jobmon_server.db.schema.columns import (
    NAME_LENGTH,
    execution_columns,
    flag,
    grace_columns,
    new_table,
    parent,
    row_id,
)
from jobmon_server.fsm.workflow import WORKFLOW_RUN

workflow = new_table(
    "workflow",
    row_id(),
    Column("name", Exact(NAME_LENGTH), nullable=False),
    Column("client_id", Exact(NAME_LENGTH)),
    Column("request_id", Exact(NAME_LENGTH)),
    status_column(WorkflowStatus),
    flag("held"),
    Column("max_concurrently_running", Integer),
    Column("attributes", Json),
    Column("callback_url", FreeText),
    # Where its commands run, and what is added to their environment; tasks may say otherwise.
    *execution_columns(),
    # What its workers do when they are out of touch; null: as the server says.
    Column("lost_contact", Word(8)),
    # A path or a digest of the configuration that it was made from; nobody here reads it.
    Column("configuration", Exact(NAME_LENGTH)),
    # Who bound it, as his token says; null without authentication.
    Column("owner", Exact(NAME_LENGTH)),
    Column("owner_group", Exact(NAME_LENGTH)),
    Column("tenant", Exact(NAME_LENGTH)),
    Column("expiry_seconds", Integer, nullable=False, server_default="3600"),
    # When it was over, and how long it is kept from then; null while it is not over.
    Column("finished_at", Instant),
    Column("expires_at", Instant),
    # Flagged as expired; and: its rows are being deleted, which nobody may hold up any more.
    Column("expired_at", Instant),
    Column("deleted_at", Instant),
    # The run that was started last. No foreign key: the two tables would each need the other first.
    Column("last_run_id", Id),
    Column("status_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("client_id", "request_id"),
    CheckConstraint("(client_id IS NULL) = (request_id IS NULL)", name="workflow_identity"),
    CheckConstraint("max_concurrently_running >= 0", name="workflow_limit"),
    CheckConstraint(
        f"(finished_at IS NOT NULL) = ({one_of('status', WORKFLOW_OVER)})", name="workflow_finished"
    ),
    CheckConstraint("(finished_at IS NULL) = (expires_at IS NULL)", name="workflow_expiry"),
    status_check("workflow", WorkflowStatus),
    Index(None, "status"),
    Index(None, "name"),
    Index(None, "owner", "finished_at"),
    Index(None, "expires_at"),
    Index(None, "deleted_at"),
)

workflow_run = new_table(
    "workflow_run",
    row_id(),
    parent("workflow_id", "workflow.id"),
    status_column(WorkflowRunStatus),
    Column("report_by", Instant),
    Column("next_report_increment", Double, nullable=False),
    Column("request_id", Exact(NAME_LENGTH)),
    # The process that drives it, as it names itself: who comes after it on its machine can see that it is dead.
    Column("process", Json),
    Column("reason", FreeText),
    *grace_columns(),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("workflow_id", "request_id"),
    status_check("workflow_run", WorkflowRunStatus),
    CheckConstraint(
        f"(report_by IS NOT NULL) = ({one_of('status', WORKFLOW_RUN.live)})", name="workflow_run_deadline"
    ),
    Index(None, "report_by"),
)
