"""Deadlines given anew, set-based, after nobody could keep them: of instances and of runs, by the index of the deadlines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Double, Select, Table, Update, bindparam, func, or_, select, update
from sqlalchemy.engine import Connection

from jobmon_server.db.core import clock
from jobmon_server.db.core.guarded_update import with_ids
from jobmon_server.db.core.planner_hints import by_index
from jobmon_server.db.core.rows import BATCH
from jobmon_server.db.schema.tables import task_instance
from jobmon_server.db.schema.tables_workflow import workflow_run

#: What has deadlines, in the lock order, with the index of them.
TABLES = ((workflow_run, "ix_workflow_run_report_by"), (task_instance, "ix_task_instance_report_by"))


class GracedRows(NamedTuple):
    """A deadline, and what has it: in the order of their index."""

    report_by: datetime
    id: int


def find(
    connection: Connection, table: Table, index: str, back_at: datetime, after: GracedRows | None
) -> list[GracedRows]:
    """Return a batch of deadlines that nobody has moved since the leader was back, the earliest first, `after` the last batch."""
    rows = connection.execute(_found(table, index, back_at, after))
    return [GracedRows(row.report_by, row.id) for row in rows]


def _found(table: Table, index: str, back_at: datetime, after: GracedRows | None) -> Select[Any]:
    is_unmoved = or_(table.c.updated_at < back_at, table.c.report_by < back_at)
    statement = select(table.c.report_by, table.c.id).where(table.c.report_by.is_not(None), is_unmoved)
    if after is not None:
        is_same = (table.c.report_by == after.report_by) & (table.c.id > after.id)
        statement = statement.where(
            table.c.report_by >= after.report_by, (table.c.report_by > after.report_by) | is_same
        )
    return by_index(statement.order_by(table.c.report_by, table.c.id).limit(BATCH), table, index)


def give(connection: Connection, table: Table, ids: Sequence[int], led_seconds: float) -> int:
    """Give those of these rows that may have it their last increment anew, from now; return how many."""
    count: tuple[Any, ...] = (func.count(), func.max(clock.now()))
    locked = select(*count).select_from(table).where(with_ids(table)).with_for_update()
    number, now = connection.execute(by_index(locked, table), {"ids": ids}).one()
    if not number:
        return 0
    facts = {"ids": ids, "now": now, "led": led_seconds}
    given: int = connection.execute(_given(table), facts).rowcount
    return given


def _given(table: Table) -> Update:
    now = bindparam("now", type_=table.c.updated_at.type)
    led: ColumnElement[float] = bindparam("led", type_=Double())
    deadline = clock.seconds_later(now, table.c.next_report_increment)
    # Given once, it has its whole increment of a leader's time to speak before it is given again.
    may_have_it = or_(
        table.c.graced_at.is_(None),
        table.c.updated_at > table.c.graced_at,
        led - table.c.graced_led < table.c.next_report_increment,
    )
    values = {"report_by": deadline, "updated_at": now, "graced_at": now, "graced_led": led}
    return update(table).where(with_ids(table), table.c.report_by < deadline, may_have_it).values(values)
