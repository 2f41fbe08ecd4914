"""The outbox: what is to be told to the callback URLs of workflows, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.engine import Connection

from jobmon_client.states import CallbackStatus, WorkflowStatus
from jobmon_server.db.core import clock
from jobmon_server.db.reads.id_pages import PageRequest, RowPage, fetch_page
from jobmon_server.db.reads.lookups import read_workflow
from jobmon_server.db.schema.tables_control import callback


@dataclass(frozen=True, slots=True)
class LockedCallback:
    """A callback as it stands, locked."""

    callback_id: int
    workflow_id: int
    workflow_status: WorkflowStatus
    status: CallbackStatus
    url: str
    attempts: int
    next_try_at: datetime | None
    now: datetime


_LOCK = (
    select(
        callback.c.id,
        callback.c.workflow_id,
        callback.c.workflow_status,
        callback.c.status,
        callback.c.url,
        callback.c.attempts,
        callback.c.next_try_at,
        clock.now().label("now"),
    )
    .where(callback.c.id == bindparam("callback_id"))
    .with_for_update()
)


def add(connection: Connection, workflow_id: int, status: WorkflowStatus, url: str, now: datetime) -> None:
    """Have it told that a workflow, which is locked, has this status now."""
    values = {
        "workflow_id": workflow_id,
        "workflow_status": status,
        "status": CallbackStatus.PENDING,
        "url": url,
        "next_try_at": now,
        "created_at": now,
    }
    connection.execute(insert(callback).values(values))


def due(connection: Connection, limit: int) -> list[int]:
    """Return callbacks whose time has come, the longest due first."""
    statement = (
        select(callback.c.id)
        .where(callback.c.next_try_at <= clock.read_clock(connection))
        .order_by(callback.c.next_try_at)
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())


def lock(connection: Connection, callback_id: int) -> LockedCallback | None:
    """Lock one; None when there is no such callback."""
    row = connection.execute(_LOCK, {"callback_id": callback_id}).one_or_none()
    return None if row is None else LockedCallback(*row)


def write(connection: Connection, locked: LockedCallback, **values: Any) -> None:
    """Set columns of a locked callback."""
    connection.execute(update(callback).where(callback.c.id == locked.callback_id).values(values))


def list_callbacks(connection: Connection, workflow_id: int, *, page: PageRequest) -> RowPage:
    """Return callbacks of a workflow by id. Raises `Unknown`."""
    statement = select(
        callback.c.id.label("callback_id"),
        callback.c.workflow_status,
        callback.c.status,
        callback.c.url,
        callback.c.attempts,
        callback.c.next_try_at,
        callback.c.last_error,
        callback.c.created_at,
        callback.c.delivered_at,
    ).where(callback.c.workflow_id == workflow_id)
    found = fetch_page(connection, statement, "callback_id", page, callback.c.id)
    if not found.rows:
        read_workflow(connection, workflow_id)
    return found
