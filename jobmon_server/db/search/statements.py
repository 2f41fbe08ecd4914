"""The queries themselves: ids, counts, pages, counts by group. A fixed number of statements, whatever the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, func, select
from sqlalchemy.engine import Connection

from jobmon_server.db.core import clock
from jobmon_server.db.core.planner_hints import StraightJoin
from jobmon_server.db.core.rows import fetch_rows
from jobmon_server.db.reads.ownership import within
from jobmon_server.db.schema.tables import task, task_instance
from jobmon_server.db.schema.tables_workflow import workflow, workflow_run
from jobmon_server.db.search.conditions import clause, live_statuses
from jobmon_server.db.search.expense import bounded
from jobmon_server.db.search.fields import FIELDS, JOINS, SUMMARY, TABLES, Field, id_field
from jobmon_server.db.search.keyset import Key, after, keys_of, write_cursor
from jobmon_server.db.search.query import Condition, Entity, Query, ResultPage
from jobmon_server.db.search.related import completed
from jobmon_server.db.search.virtual_fields import (
    LIVE_FIRST,
    QUESTIONS,
    TIMED,
    VirtualField,
    found_first,
    held_to_live,
)
from jobmon_server.errors import Malformed
from jobmon_server.principal import Reach

#: So many groups, at most, are in one summary.
MOST_GROUPS = 10_000


_DELETED = select(workflow.c.id).where(workflow.c.deleted_at.is_not(None))
#: What is being deleted is shown no more. Of workflows not as `deleted_at IS NULL`: that is an index, and all rows are in it.
_IS_THERE: dict[Entity, ColumnElement[bool]] = {
    Entity.WORKFLOW: func.coalesce(workflow.c.deleted_at, None).is_(None),
    Entity.TASK: task.c.workflow_id.not_in(_DELETED),
    Entity.TASK_INSTANCE: task_instance.c.workflow_run_id.not_in(
        select(workflow_run.c.id).where(workflow_run.c.workflow_id.in_(_DELETED))
    ),
}


@bounded
def select_ids(
    connection: Connection,
    entity: Entity,
    conditions: Sequence[Condition],
    *,
    limit: int,
    after: int = 0,
    reach: Reach | None = None,
) -> list[int]:
    """Return the ids of what meets all conditions and is within reach, smallest first, those greater than `after`."""
    own_id = TABLES[entity].c.id
    statement = _reached(connection, select(own_id), entity, conditions, reach)
    statement = statement.where(own_id > after).order_by(own_id).limit(limit)
    return list(connection.execute(statement).scalars())


def _reached(
    connection: Connection,
    statement: Select[Any],
    entity: Entity,
    conditions: Sequence[Condition],
    reach: Reach | None,
) -> Select[Any]:
    """Apply the conditions, and that the workflow is within reach."""
    if reach is None:
        return _where(connection, statement, entity, conditions)
    # The field joins the workflow.
    whose = (FIELDS[entity]["owner"],)
    return _where(connection, statement, entity, conditions, whose).where(within(workflow, reach))


@bounded
def count(
    connection: Connection, entity: Entity, conditions: Sequence[Condition], *, reach: Reach | None = None
) -> int:
    """Return how many meet all conditions and are within reach."""
    return _counted(connection, entity, conditions, reach)


def _counted(
    connection: Connection, entity: Entity, conditions: Sequence[Condition], reach: Reach | None = None
) -> int:
    statement = select(func.count())
    if reach is not None:
        statement = _reached(connection, statement, entity, conditions, reach)
    elif statuses := live_statuses(entity, conditions):
        among = task_instance.c.status.in_(statuses)
        statement = held_to_live(_where(connection, statement, entity, ()).where(among), statuses)
    else:
        statement = _where(connection, statement, entity, conditions)
    return int(connection.execute(statement).scalar_one())


@bounded
def list_rows(connection: Connection, entity: Entity, query: Query) -> ResultPage:
    """Return a page of rows, by the names of their fields on the wire, newest first unless sorted otherwise."""
    fields = SUMMARY[entity] if query.fields is None else query.fields
    if not query.limit:
        return ResultPage([], None, _total(connection, entity, query, fields))
    keys = keys_of(entity, query.sort, fields if query.distinct else None)
    shown = [FIELDS[entity][name] for name in fields]
    columns = [field.shown.label(field.name) for field in shown]
    columns += [key.field.sorted_by.label(key.label) for key in keys]
    used = [*shown, *(key.field for key in keys)]
    if query.distinct:
        statement = _where(connection, select(*columns), entity, query.conditions, used).distinct()
        statement = _cut(statement, keys, query)
    else:
        statement = _joined(select(*columns), entity, used, _page(connection, entity, query, keys))
        statement = statement.order_by(*(key.ordering for key in keys))
    rows = fetch_rows(connection, statement)
    found = rows[: query.limit]
    more = len(rows) > len(found)
    is_told = not more and query.after is None and (found or not query.offset)
    total = query.offset + len(found) if is_told else _total(connection, entity, query, fields)
    shown_rows = [{name: row[name] for name in fields} for row in found]
    if entity is Entity.WORKFLOW and not query.distinct:
        ids = [row[f"key_{id_field(entity)}"] for row in found]
        shown_rows = completed(connection, ids, shown_rows, query.extras)
    return ResultPage(
        shown_rows, write_cursor(keys, found[-1]) if more else None, total if query.with_total else None
    )


def _page(connection: Connection, entity: Entity, query: Query, keys: Sequence[Key]) -> FromClause:
    """Find the rows of a page by their ids alone, and only then read them: what is sorted and left out stays small."""
    table = TABLES[entity]
    statement, used = select(table.c.id), [key.field for key in keys]
    if statuses := live_statuses(entity, query.conditions):
        statement = _where(connection, statement, entity, (), used, LIVE_FIRST)
        statement = found_first(statement.where(task_instance.c.status.in_(statuses)), statuses)
    else:
        statement = _where(connection, statement, entity, query.conditions, used)
    page = _cut(statement, keys, query).subquery("page")
    return StraightJoin(page, table, page.c.id == table.c.id)


def _cut(statement: Select[Any], keys: Sequence[Key], query: Query) -> Select[Any]:
    """Cut a page out; one row more than are shown tells whether there is another page."""
    if query.after is not None:
        statement = statement.where(after(keys, query.after))
    ordered = statement.order_by(*(key.ordering for key in keys))
    return ordered.limit(query.limit + 1).offset(query.offset)


def _total(connection: Connection, entity: Entity, query: Query, fields: Sequence[str]) -> int | None:
    if not query.with_total:
        return None
    if not query.distinct:
        return _counted(connection, entity, query.conditions)
    shown = [FIELDS[entity][name] for name in fields]
    columns = [field.compared.label(field.name) for field in shown]
    rows = _where(connection, select(*columns), entity, query.conditions, shown).distinct().subquery()
    return int(connection.execute(select(func.count()).select_from(rows)).scalar_one())


@bounded
def summarize(
    connection: Connection, entity: Entity, conditions: Sequence[Condition], by: Sequence[str]
) -> list[dict[str, Any]]:
    """Return how many there are of each combination, in order; combinations that nothing has are left out.

    Raises `Malformed` when there are more of them than anyone reads.
    """
    grouped = [FIELDS[entity][name] for name in by]
    columns = [field.compared.label(field.name) for field in grouped]
    statement = _where(connection, select(*columns, func.count().label("count")), entity, conditions, grouped)
    keys = [field.compared for field in grouped]
    statement = statement.group_by(*keys).order_by(*keys).limit(MOST_GROUPS + 1)
    rows = fetch_rows(connection, statement)
    if len(rows) > MOST_GROUPS:
        raise Malformed.field("by", f"makes more than {MOST_GROUPS} groups: list them with distinct=true")
    return rows


def _where(
    connection: Connection,
    statement: Select[Any],
    entity: Entity,
    conditions: Sequence[Condition],
    used: Iterable[Field] = (),
    start: FromClause | None = None,
) -> Select[Any]:
    """Join what the fields and conditions need to the entity's table, or to another start with it, and apply the conditions."""
    known: Mapping[str, Any] = {**FIELDS[entity], **QUESTIONS[entity]}
    asked = [known[one.field] for one in conditions if one.field in known]
    statement = _joined(statement, entity, (*used, *asked), TABLES[entity] if start is None else start)
    statement = statement.where(_IS_THERE[entity])
    is_timed = any(one.field in TIMED for one in conditions)
    now = clock.read_clock(connection) if is_timed else None
    return statement.where(*(clause(entity, one, now) for one in conditions))


def _joined(
    statement: Select[Any], entity: Entity, used: Iterable[Field | VirtualField], start: FromClause
) -> Select[Any]:
    """Begin with the start, and join what the fields and questions need."""
    statement = statement.select_from(start)
    needed = {name for one in used for name in one.joins}
    for name, join in JOINS[entity].items():
        if name in needed:
            # Each row has its parents: outer, so that no database begins with the other table for want of a better idea.
            statement = statement.outerjoin(join.table, join.on)
    return statement
