"""Views for people who ask in SQL: stable names, words instead of letters, nothing that can be written through.

They are made anew with each upgrade, so that a migration need not know them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, Select, Subquery, Table, case, literal, select
from sqlalchemy.engine import Connection

from jobmon_server.db.core.types import StatusType
from jobmon_server.db.schema.tables import task, task_instance
from jobmon_server.db.schema.tables_records import journal
from jobmon_server.db.schema.tables_workflow import workflow

_HIDDEN = {"definition_digest", "status_by", "graced_at", "graced_led"}


def views() -> dict[str, Select[Any]]:
    """Return what each view shows, by its name."""
    instance, its_task = _behind_glass(task_instance), _behind_glass(task)
    return {
        "v_workflow": _shown(workflow, _behind_glass(workflow)),
        "v_task": _shown(task, its_task),
        "v_task_instance": _shown(task_instance, instance, its_task.c.workflow_id).join(
            its_task, its_task.c.id == instance.c.task_id
        ),
        "v_journal": _shown(journal, _behind_glass(journal)),
    }


def _behind_glass(table: Table) -> Subquery:
    """Return a table as MariaDB, which otherwise writes through a view, reads it only; it is merged into the query."""
    return select(table).subquery(f"the_{table.name}")


def _shown(table: Table, seen: Subquery, *more: ColumnElement[Any]) -> Select[Any]:
    columns = [
        _in_words(column, seen.c[column.name]).label(
            f"{table.name}_id" if column.name == "id" else column.name
        )
        for column in table.columns
        if column.computed is None and column.name not in _HIDDEN
    ]
    return select(*columns, *more).select_from(seen)


def _in_words(column: Column[Any], seen: ColumnElement[Any]) -> ColumnElement[Any]:
    if not isinstance(column.type, StatusType):
        return seen
    return case(*((seen == member, literal(member.value)) for member in column.type.statuses))


def make(connection: Connection) -> None:
    """Make all views, as this version has them."""
    drop(connection)
    for name, shown in views().items():
        text = shown.compile(connection, compile_kwargs={"literal_binds": True})
        connection.exec_driver_sql(f"CREATE VIEW {name} AS {text}")


def drop(connection: Connection) -> None:
    """Drop all views: SQLite changes no table that one looks at."""
    for name in views():
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
