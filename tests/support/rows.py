"""What stands in the database, row by row: to show what a call changed and what it left alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from jobmon_server.db.schema.tables import task, task_instance
from jobmon_server.db.schema.tables_records import error_log, journal

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """Instances and tasks by id; journal and error-log entries by instance, oldest first."""

    task_instances: dict[int, Row]
    tasks: dict[int, Row]
    journal: dict[int, list[Row]]
    errors: dict[int, list[Row]]

    def of(self, one: int) -> tuple[Row, Row, list[Row], list[Row]]:
        """An instance, its task, its journal, its errors."""
        instance = self.task_instances[one]
        return instance, self.tasks[instance["task_id"]], self.journal[one], self.errors[one]


def read_rows(connection: Connection) -> Rows:
    """Read them all."""
    entries: dict[str, defaultdict[int, list[Row]]] = {}
    for table in (journal, error_log):
        by_instance: defaultdict[int, list[Row]] = defaultdict(list)
        for row in connection.execute(select(table).order_by(table.c.id)).mappings():
            by_instance[row["task_instance_id"]].append(dict(row))
        entries[table.name] = by_instance
    instances, tasks = (
        {row["id"]: dict(row) for row in connection.execute(select(table)).mappings()}
        for table in (task_instance, task)
    )
    return Rows(instances, tasks, entries[journal.name], entries[error_log.name])
