"""What workflows of a page have beside their own columns, read for all of them at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from jobmon_server.db.core.rows import RowDict, fetch_rows
from jobmon_server.db.reads.lookups import as_shown, count_tasks
from jobmon_server.db.schema.tables import task

#: So many tasks, at most, are in one reply with the workflows that they belong to; `tasks` tells how many there are.
MOST_NESTED = 10_000
NESTED = ("name", "type", "status", "num_attempts", "max_attempts", "cluster", "queue", "priority")


def completed(
    connection: Connection, ids: Sequence[int], rows: list[RowDict], extras: Sequence[str]
) -> list[RowDict]:
    """Return rows of the workflows of these ids with their extras, and with `expires_at` as it is shown."""
    if rows and "expires_at" in rows[0]:
        asked = [
            {"workflow_id": one, "expires_at": row["expires_at"]} for one, row in zip(ids, rows, strict=True)
        ]
        shown = as_shown(connection, asked)
        rows = [{**row, "expires_at": one["expires_at"]} for row, one in zip(rows, shown, strict=True)]
    if not extras or not rows:
        return rows
    found: dict[str, dict[int, Any]] = {}
    is_whole = False
    if "task_list" in extras:
        found["task_list"], is_whole = _tasks(connection, ids)
    if "tasks" in extras:
        counted = _counted(found["task_list"]) if is_whole else count_tasks(connection, ids)
        found["tasks"] = counted
    empty: dict[str, Any] = {"tasks": {}, "task_list": []}
    return [
        {**row, **{name: found[name].get(one, empty[name]) for name in extras}}
        for one, row in zip(ids, rows, strict=True)
    ]


def _counted(tasks: dict[int, list[RowDict]]) -> dict[int, dict[str, int]]:
    return {one: dict(Counter(str(row["status"]) for row in rows)) for one, rows in tasks.items()}


def _tasks(connection: Connection, ids: Sequence[int]) -> tuple[dict[int, list[RowDict]], bool]:
    """Return the tasks of these workflows, and whether that is all of them."""
    statement = (
        select(task.c.workflow_id, task.c.id.label("task_id"), *(task.c[name] for name in NESTED))
        .where(task.c.workflow_id.in_(ids))
        .order_by(task.c.workflow_id.desc(), task.c.id)
        .limit(MOST_NESTED + 1)
    )
    tasks: dict[int, list[RowDict]] = {}
    rows = fetch_rows(connection, statement)
    for row in rows[:MOST_NESTED]:
        tasks.setdefault(row.pop("workflow_id"), []).append(row)
    return tasks, len(rows) <= MOST_NESTED
