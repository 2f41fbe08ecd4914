"""Which workflows are past their time, which of them are kept all the same, and what is shown of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.engine import Connection

from jobmon_server.db.core import clock
from jobmon_server.db.core.planner_hints import by_index
from jobmon_server.db.reads.lookups import still_stopping
from jobmon_server.db.schema.tables_workflow import workflow


def not_deleted() -> ColumnElement[bool]:
    """Return the condition that a workflow is not being deleted."""
    # Not as `deleted_at IS NULL`: that is an index, and all rows are in it.
    return func.coalesce(workflow.c.deleted_at, None).is_(None)


#: How many workflows one transaction flags.
BATCH = 100
#: Where a walk in the order of expiry has come to: the instant and the id of the last.
Place = tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A workflow past its time; `is_kept` as one of its owner's last, `is_held` while something in it lives."""

    workflow_id: int
    place: Place
    is_kept: bool
    is_held: bool


def expired(connection: Connection, keep_last: int, after: Place | None) -> list[Candidate]:
    """Return a batch of those whose time is over and that are not flagged, the longest over first."""
    return _candidates(connection, _is_expired(connection), keep_last, after)


def purgeable(
    connection: Connection, keep_last: int, purge_after: float, after: Place | None
) -> list[Candidate]:
    """Return a batch of those that were flagged more than `purge_after` seconds ago."""
    return _candidates(connection, _is_purgeable(connection, purge_after), keep_last, after)


def _is_expired(connection: Connection) -> ColumnElement[bool]:
    now = clock.read_clock(connection)
    return and_(workflow.c.expires_at < now, workflow.c.expired_at.is_(None), not_deleted())


def _is_purgeable(connection: Connection, purge_after: float) -> ColumnElement[bool]:
    past = clock.seconds_after(clock.read_clock(connection), -purge_after)
    # It was flagged after it expired: the first condition is the range of the index.
    return and_(workflow.c.expires_at < past, workflow.c.expired_at < past, not_deleted())


_ASKED = (workflow.c.id, workflow.c.owner, workflow.c.finished_at, workflow.c.expires_at)


def _candidates(
    connection: Connection, condition: ColumnElement[bool], keep_last: int, after: Place | None
) -> list[Candidate]:
    statement = select(*_ASKED).where(condition).order_by(workflow.c.expires_at, workflow.c.id).limit(BATCH)
    if after is not None:
        later = or_(
            workflow.c.expires_at > after[0],
            and_(workflow.c.expires_at == after[0], workflow.c.id > after[1]),
        )
        statement = statement.where(workflow.c.expires_at >= after[0], later)
    rows = connection.execute(by_index(statement, workflow, "ix_workflow_expires_at")).all()
    return _judged(connection, rows, keep_last)


def _judged(connection: Connection, rows: Sequence[Any], keep_last: int) -> list[Candidate]:
    bounds = {owner: _last_finished(connection, owner, keep_last) for owner in {row.owner for row in rows}}
    held = still_stopping(connection, [row.id for row in rows])
    return [
        Candidate(
            row.id,
            (row.expires_at, row.id),
            (bound := bounds[row.owner]) is None or (row.finished_at, row.id) >= bound,
            row.id in held,
        )
        for row in rows
    ]


def _last_finished(connection: Connection, owner: str | None, keep_last: int) -> tuple[datetime, int] | None:
    """Return when the last but so many of an owner finished, and its id; None if there are not that many."""
    whose = workflow.c.owner.is_(None) if owner is None else workflow.c.owner == owner
    statement = (
        select(workflow.c.finished_at, workflow.c.id)
        .where(whose, workflow.c.finished_at.is_not(None), not_deleted())
        .order_by(workflow.c.finished_at.desc(), workflow.c.id.desc())
        .limit(1)
        .offset(keep_last - 1)
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else (row.finished_at, row.id)


def lock_expired(connection: Connection, workflow_ids: Sequence[int], keep_last: int) -> list[Candidate]:
    """Lock those of these that are to be flagged still; one that somebody else has locked is passed over."""
    statement = (
        select(*_ASKED)
        .where(workflow.c.id.in_(workflow_ids), _is_expired(connection))
        .order_by(workflow.c.id)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(by_index(statement, workflow)).all()
    return _judged(connection, rows, keep_last)


def flag(connection: Connection, workflow_ids: Sequence[int]) -> None:
    """Flag locked workflows as expired."""
    flagged = update(workflow).where(workflow.c.id.in_(workflow_ids))
    connection.execute(flagged.values(expired_at=clock.read_clock(connection)))


def is_purgeable(connection: Connection, workflow_id: int, keep_last: int, purge_after: float) -> bool:
    """Tell whether a locked workflow may be purged still."""
    condition = and_(workflow.c.id == workflow_id, _is_purgeable(connection, purge_after))
    candidates = _judged(connection, connection.execute(select(*_ASKED).where(condition)).all(), keep_last)
    return any(not one.is_kept and not one.is_held for one in candidates)
