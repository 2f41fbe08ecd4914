"""What of the journal may go when it is old: neither the first nor the last applied row of an instance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select
from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome
from jobmon_server.db.core import clock
from jobmon_server.db.core.rows import BATCH
from jobmon_server.db.schema.tables import task_instance
from jobmon_server.db.schema.tables_records import journal
from jobmon_server.fsm.task_instance import TASK_INSTANCE


@dataclass(frozen=True, slots=True)
class JournalRange:
    """A stretch of the journal by id: what of it may go, and where the next begins; 0 is from the start again."""

    ids: list[int]
    after: int


def old_rows(connection: Connection, retention: float, after: int) -> JournalRange:
    """Look at the next stretch; rows of instances that ended less than `retention` seconds ago stay, whatever their age."""
    past = clock.seconds_after(clock.read_clock(connection), -retention)
    looked = select(journal.c.id, journal.c.time).where(journal.c.id > after).order_by(journal.c.id)
    rows = connection.execute(looked.limit(BATCH)).all()
    if not rows:
        return JournalRange([], 0)
    last = rows[-1]
    statement = (
        select(journal.c.id)
        .join_from(journal, task_instance, task_instance.c.id == journal.c.task_instance_id)
        .where(
            journal.c.id > after,
            journal.c.id <= last.id,
            task_instance.c.status.in_(TASK_INSTANCE.terminal),
            task_instance.c.finished_at < past,
            ~_is_needed(),
        )
    )
    is_end = len(rows) < BATCH or last.time > past
    return JournalRange(list(connection.execute(statement).scalars()), 0 if is_end else last.id)


def _is_needed() -> ColumnElement[bool]:
    """Whether a row is the first or the last applied one of its instance."""
    other = journal.alias()
    same = and_(
        other.c.task_instance_id == journal.c.task_instance_id, other.c.outcome == Outcome.APPLIED.value
    )
    is_first, is_last = (
        ~exists().where(same, condition)
        for condition in (other.c.id < journal.c.id, other.c.id > journal.c.id)
    )
    return and_(journal.c.outcome == Outcome.APPLIED.value, or_(is_first, is_last))


def remove_rows(connection: Connection, ids: Sequence[int]) -> int:
    """Delete rows of the journal; how many."""
    return connection.execute(delete(journal).where(journal.c.id.in_(ids))).rowcount
