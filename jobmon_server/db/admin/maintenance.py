"""What is done to a whole database: its tables are packed anew, or emptied."""

from __future__ import annotations

from sqlalchemy import delete, func, select
from sqlalchemy.engine import Connection

from jobmon_server.db.schema.tables import task_instance
from jobmon_server.db.schema.tables_control import metadata
from jobmon_server.db.schema.tables_records import lease
from jobmon_server.db.schema.tables_workflow import workflow_run
from jobmon_server.fsm.task_instance import TASK_INSTANCE
from jobmon_server.fsm.workflow import WORKFLOW_RUN

#: The tables that grow and shrink.
BUSY = (
    "journal",
    "task_instance",
    "task_instance_error_log",
    "task",
    "edge",
    "command",
    "metric_sample",
    "callback",
)


def count_live(connection: Connection) -> int:
    """Return how many instances live."""
    statement = select(func.count()).where(task_instance.c.status.in_(TASK_INSTANCE.live))
    return int(connection.execute(statement).scalar_one())


def count_live_runs(connection: Connection) -> int:
    """Return how many runs are alive."""
    statement = select(func.count()).where(workflow_run.c.status.in_(WORKFLOW_RUN.live))
    return int(connection.execute(statement).scalar_one())


def optimize(connection: Connection) -> list[str]:
    """Pack the tables anew, outside a transaction; return the statements.

    SQLite gets no ANALYZE: its plans would then depend on how full each table was at that moment.
    """
    if connection.dialect.name == "sqlite":
        statements = ["VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"]
    else:
        quote = connection.dialect.identifier_preparer.quote
        # InnoDB makes the table anew beside itself, and takes its statistics anew.
        statements = [f"OPTIMIZE TABLE {quote(name)}" for name in BUSY]
    for statement in statements:
        connection.exec_driver_sql(statement).close()
    return statements


def wipe(connection: Connection) -> dict[str, int]:
    """Delete every row, children first; return how many of each table. The leases of servers that run stay."""
    counts = {
        table.name: connection.execute(delete(table)).rowcount
        for table in reversed(metadata.sorted_tables)
        if table is not lease
    }
    return {name: count for name, count in sorted(counts.items()) if count}
