"""Pages of read models: bounded, ordered by id, a fixed number of statements whatever the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.engine import Connection

from jobmon_client.states import TaskInstanceStatus, TaskStatus
from jobmon_server.db.core import clock
from jobmon_server.db.core.planner_hints import by_index
from jobmon_server.db.core.rows import RowDict, fetch_rows
from jobmon_server.db.reads.id_pages import PageRequest, RowPage, fetch_page
from jobmon_server.db.reads.lookups import ERROR_ORDER, is_current, is_leaf, is_there, known
from jobmon_server.db.reads.ownership import within
from jobmon_server.db.schema.tables import task, task_instance
from jobmon_server.db.schema.tables_records import error_log
from jobmon_server.principal import Reach

#: Where the tasks of a workflow are found: by id, or by status where few have it. By the primary key, which is in the
#: order that is asked for, a page would begin with the tasks of all workflows.
_OF_WORKFLOW = "ix_task_workflow_id, ix_task_schedule"


def list_tasks(
    connection: Connection,
    workflow_id: int,
    *,
    statuses: Sequence[TaskStatus] | None,
    page: PageRequest,
    only_leaves: bool = False,
) -> RowPage:
    """Return tasks of a workflow by id, or those that no other task waits for, with the current instance of each."""
    statement = (
        select(
            task.c.id.label("task_id"),
            task.c.name,
            task.c.status,
            task.c.num_attempts,
            task.c.max_attempts,
            task.c.command,
            task.c.cluster,
            task.c.status_at,
            task.c.ready_at,
            task_instance.c.id.label("task_instance_id"),
            task_instance.c.status.label("task_instance_status"),
            task_instance.c.nodename,
            task_instance.c.started_at,
            task_instance.c.finished_at,
            task_instance.c.usage,
        )
        .outerjoin(task_instance, is_current())
        .where(task.c.workflow_id == workflow_id, is_there(workflow_id))
    )
    if statuses is not None:
        statement = statement.where(task.c.status.in_(statuses))
    if only_leaves:
        statement = statement.where(is_leaf())
    return fetch_page(connection, by_index(statement, task, _OF_WORKFLOW), "task_id", page, task.c.id)


def list_errors(connection: Connection, workflow_id: int, *, page: PageRequest) -> RowPage:
    """Return error-log entries of a workflow by id, with what is known of the instance."""
    statement = (
        select(
            error_log.c.id.label("error_id"),
            task.c.id.label("task_id"),
            task.c.name,
            task.c.status.label("task_status"),
            task_instance.c.id.label("task_instance_id"),
            task_instance.c.attempt,
            task_instance.c.status,
            error_log.c.error_time,
            error_log.c.description,
            error_log.c.source,
            task_instance.c.nodename,
            task_instance.c.stdout,
            task_instance.c.stderr,
            task_instance.c.stdout_log,
            task_instance.c.stderr_log,
        )
        .join_from(error_log, task_instance, task_instance.c.id == error_log.c.task_instance_id)
        .join(task, task.c.id == task_instance.c.task_id)
        .where(error_log.c.workflow_id == workflow_id, is_there(workflow_id))
    )
    held = by_index(statement, error_log, "ix_task_instance_error_log_workflow_id")
    return fetch_page(connection, held, "error_id", page, error_log.c.id)


def list_instance_errors(connection: Connection, task_instance_id: int, *, page: PageRequest) -> RowPage:
    """Return error-log entries of an instance by time, then by id. Raises `Unknown`."""
    columns = (error_log.c.error_time, error_log.c.description, error_log.c.source, error_log.c.id)
    statement = select(*columns).where(error_log.c.task_instance_id == task_instance_id)
    found = fetch_page(connection, statement, "id", page, *ERROR_ORDER)
    known(connection, found.rows, task_instance_id)
    return replace(found, rows=[{name: row[name] for name in row if name != "id"} for row in found.rows])


def list_tended(
    connection: Connection,
    cluster: str,
    *,
    statuses: Sequence[TaskInstanceStatus],
    limit: int,
    after: int = 0,
    reach: Reach | None = None,
) -> RowDict:
    """Return instances of a cluster, within reach, that its distributor looks after, by id; and the database's instant."""
    statement = (
        select(
            task_instance.c.id.label("task_instance_id"),
            task_instance.c.status,
            task_instance.c.distributor,
            task_instance.c.distributor_id,
            task_instance.c.report_by,
            task_instance.c.nodename,
            task_instance.c.worker_id,
            task_instance.c.status_at,
            task_instance.c.next_report_increment,
            task_instance.c.contact_until,
            clock.now().label("now"),
        )
        .where(
            task_instance.c.tended_cluster == cluster,
            task_instance.c.id > after,
            task_instance.c.status.in_(statuses),
        )
        .order_by(task_instance.c.id)
        .limit(limit)
    )
    if reach is not None:
        statement = statement.where(within(task_instance, reach))
    # In the order of this index they are found; by ids alone all others would be looked at too.
    rows = fetch_rows(connection, by_index(statement, task_instance, "ix_task_instance_tended"))
    instants = [row.pop("now") for row in rows]
    return {"task_instances": rows, "now": max(instants, default=None)}
