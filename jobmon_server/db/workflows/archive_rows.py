"""All rows of a workflow, table by table in pages, so that what is read at once does not grow with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Table, func, or_, select, tuple_
from sqlalchemy.engine import Connection

from jobmon_server.db.core.rows import BATCH, RowDict
from jobmon_server.db.reads.lookups import still_stopping
from jobmon_server.db.schema.tables import array, array_batch, edge, task, task_instance
from jobmon_server.db.schema.tables_cluster import submission_step
from jobmon_server.db.schema.tables_control import (
    callback,
    command,
    metric_sample,
    task_attribute,
    task_input,
    task_instance_attribute,
    workflow_attribute,
)
from jobmon_server.db.schema.tables_records import error_log, journal
from jobmon_server.db.schema.tables_workflow import workflow, workflow_run
from jobmon_server.db.workflows.workflow_locks import has_live_tasks
from jobmon_server.fsm.workflow import WORKFLOW_RUN

#: Each table below the workflow with the column that points to its parent, in the order in which they are written.
OF_WORKFLOW = (
    workflow_run.c.workflow_id,
    workflow_attribute.c.workflow_id,
    callback.c.workflow_id,
    array.c.workflow_id,
)
OF_ARRAY = (array_batch.c.array_id,)
OF_TASK = (edge.c.downstream_id, task_input.c.task_id, task_attribute.c.task_id, task_instance.c.task_id)
OF_INSTANCE = (
    journal.c.task_instance_id,
    error_log.c.task_instance_id,
    task_instance_attribute.c.task_instance_id,
    command.c.task_instance_id,
    metric_sample.c.task_instance_id,
    submission_step.c.task_instance_id,
)


def header(connection: Connection, workflow_id: int) -> RowDict | None:
    """Return the workflow's own row; None when there is none."""
    row = connection.execute(select(workflow).where(workflow.c.id == workflow_id)).mappings().one_or_none()
    return None if row is None else dict(row)


def is_quiet(connection: Connection, workflow_id: int) -> bool:
    """Tell whether nothing in a workflow lives and no run drives it."""
    run_alive = select(workflow_run.c.id).where(
        workflow_run.c.workflow_id == workflow_id, workflow_run.c.status.in_(WORKFLOW_RUN.live)
    )
    if connection.execute(run_alive.limit(1)).one_or_none() is not None:
        return False
    return not has_live_tasks(connection, workflow_id) and not still_stopping(connection, [workflow_id])


def has_output(connection: Connection, workflow_id: int) -> bool:
    """Tell whether an attempt of a workflow has a result or the end of a log."""
    instance = task_instance.c
    kept = or_(instance.result.is_not(None), instance.stdout_log != "", instance.stderr_log != "")
    statement = (
        select(instance.id)
        .join_from(task, task_instance, instance.task_id == task.c.id)
        .where(task.c.workflow_id == workflow_id, kept)
        .limit(1)
    )
    return connection.execute(statement).one_or_none() is not None


def page(
    connection: Connection, parent: Column[Any], parent_ids: Sequence[int], after: tuple[Any, ...] | None
) -> list[RowDict]:
    """Return rows of one table by the ids of their parents, in the order of its key, behind a key."""
    key = list(parent.table.primary_key.columns)
    statement = select(*stored(parent.table)).where(parent.in_(parent_ids)).order_by(*key).limit(BATCH)
    if after is not None:
        # The first condition is where a range of the key can begin.
        statement = statement.where(key[0] >= after[0], tuple_(*key) > tuple_(*after))
    return [dict(row) for row in connection.execute(statement).mappings()]


def stored(table: Any) -> list[Column[Any]]:
    """Return the columns that a table holds, without those that the database computes from them."""
    return [column for column in table.columns if column.computed is None]


def key_of(table: Any, row: RowDict) -> tuple[Any, ...]:
    """Return a row's key."""
    return tuple(row[column.name] for column in table.primary_key.columns)


def ids_of(connection: Connection, parent: Column[Any], parent_ids: Sequence[int]) -> list[int]:
    """Return the ids of the rows of one table that have these parents."""
    table: Table = parent.table
    return sorted(connection.execute(select(table.c.id).where(parent.in_(parent_ids))).scalars())


def last_task(connection: Connection, workflow_id: int) -> int:
    """Return the largest id of a workflow's tasks; 0 when it has none."""
    largest = select(func.coalesce(func.max(task.c.id), 0)).where(task.c.workflow_id == workflow_id)
    return int(connection.execute(largest).scalar_one())


def tasks_between(connection: Connection, workflow_id: int, after: int, last: int, limit: int) -> list[int]:
    """Return some tasks of a workflow by id, along the primary key: another index would have to be sorted each time."""
    of_workflow = task.c.workflow_id + 0 == workflow_id
    statement = select(task.c.id).where(task.c.id > after, task.c.id <= last, of_workflow)
    return list(connection.execute(statement.order_by(task.c.id).limit(limit)).scalars())
