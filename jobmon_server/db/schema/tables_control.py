"""Tables of the control plane: tokens, commands, metrics, attributes, inputs, callbacks. No behaviour.

The last of the modules of tables: who wants all of them takes `metadata` from here.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Double, Index, Integer, UniqueConstraint

from jobmon_client.states import CallbackStatus, InputStatus, Serve, WorkflowStatus
from jobmon_server.db.core.types import (
    Exact,
    FreeText,
    Instant,
    Json,
    Word,
    one_of,
    status_check,
    status_column,
)
from jobmon_server.db.schema import tables, tables_cluster, tables_records
from jobmon_server.db.schema.columns import (
    NAME_LENGTH,
    flag,
    member,
    metadata,
    new_table,
    parent,
    plain_table,
    row_id,
)

__all__ = [
    "callback",
    "command",
    "metadata",
    "metric_sample",
    "page_session",
    "tables",
    "tables_cluster",
    "tables_records",
    "task_attribute",
    "task_input",
    "task_instance_attribute",
    "token",
    "workflow_attribute",
]


token = new_table(
    "token",
    row_id(),
    Column("name", Exact(NAME_LENGTH), nullable=False),
    # SHA-256 of the token, which itself is told once and never stored.
    Column("digest", Word(64), nullable=False),
    Column("scopes", Json, nullable=False),
    Column("owner", Exact(NAME_LENGTH)),
    Column("owner_group", Exact(NAME_LENGTH)),
    Column("tenant", Exact(NAME_LENGTH)),
    # Whose workflows it changes and claims from.
    Column("serve", Word(16), nullable=False, server_default=Serve.OWN.value),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    UniqueConstraint("name"),
    UniqueConstraint("digest"),
)

# Of the pages: what a browser's cookie holds, or a code that will become one session; and the token that it stands for
# (none where nobody is asked for one). Digests all: who reads the table cannot use it.
page_session = new_table(
    "page_session",
    row_id(),
    Column("digest", Word(64), nullable=False),
    Column("token_digest", Word(64)),
    flag("is_code"),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    UniqueConstraint("digest"),
    Index(None, "expires_at"),
)

command = new_table(
    "command",
    row_id(),
    parent("task_instance_id", "task_instance.id"),
    Column("command", Word(64), nullable=False),
    Column("arguments", Json, nullable=False),
    Column("created_by", Exact(NAME_LENGTH)),
    Column("created_at", Instant, nullable=False),
    # First delivered, how often, and acknowledged by its id, with what the worker made of it.
    Column("delivered_at", Instant),
    Column("num_deliveries", Integer, nullable=False, server_default="0"),
    Column("acknowledged_at", Instant),
    Column("result", FreeText),
    # Who asks twice under one name, because a reply was lost, means one command.
    Column("request_id", Exact(NAME_LENGTH)),
    UniqueConstraint("task_instance_id", "request_id"),
)

# A ring for each instance: sample n is in slot n modulo the cap, so that its history is bounded without a sweep.
metric_sample = plain_table(
    "metric_sample",
    member("task_instance_id", "task_instance.id"),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("name", Word(64), primary_key=True),
    Column("time", Instant, nullable=False),
    Column("value", Double, nullable=False),
)

# What databases cannot index in JSON portably: which tasks and workflows have an attribute of this value.
task_attribute = plain_table(
    "task_attribute",
    member("task_id", "task.id"),
    Column("name", Exact(NAME_LENGTH), primary_key=True),
    Column("digest", Word(32), nullable=False),
    Index(None, "name", "digest", "task_id"),
)
workflow_attribute = plain_table(
    "workflow_attribute",
    member("workflow_id", "workflow.id"),
    Column("name", Exact(NAME_LENGTH), primary_key=True),
    Column("digest", Word(32), nullable=False),
    Index(None, "name", "digest", "workflow_id"),
)

task_instance_attribute = plain_table(
    "task_instance_attribute",
    member("task_instance_id", "task_instance.id"),
    Column("name", Exact(NAME_LENGTH), primary_key=True),
    Column("value", Json, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

task_input = plain_table(
    "task_input",
    member("task_id", "task.id"),
    Column("name", Exact(NAME_LENGTH), primary_key=True),
    status_column(InputStatus),
    Column("updated_at", Instant, nullable=False),
    status_check("task_input", InputStatus),
)

callback = new_table(
    "callback",
    row_id(),
    parent("workflow_id", "workflow.id"),
    # What it tells, and what became of telling it.
    status_column(WorkflowStatus, "workflow_status"),
    status_column(CallbackStatus),
    Column("url", FreeText, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_try_at", Instant),
    Column("last_error", FreeText),
    Column("created_at", Instant, nullable=False),
    Column("delivered_at", Instant),
    status_check("callback", CallbackStatus),
    CheckConstraint(
        f"(next_try_at IS NOT NULL) = ({one_of('status', [CallbackStatus.PENDING])})", name="callback_due"
    ),
    Index(None, "workflow_id"),
    Index(None, "next_try_at"),
)
