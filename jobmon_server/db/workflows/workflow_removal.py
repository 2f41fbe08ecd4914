"""Rows on their way out: first a mark that hides the workflow from everybody, then batches, the workflow's row last.

After each transaction every rule of `db check` holds, so a crash leaves nothing to repair, only something to go on with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.engine import Connection

from jobmon_server.db.core import clock
from jobmon_server.db.core.planner_hints import by_index
from jobmon_server.db.core.rows import BATCH, chunks
from jobmon_server.db.schema.tables import array, edge, task, task_instance
from jobmon_server.db.schema.tables_cluster import submission, submission_step
from jobmon_server.db.schema.tables_workflow import workflow, workflow_run
from jobmon_server.db.workflows import dag
from jobmon_server.db.workflows.expiry import Place, not_deleted
from jobmon_server.fsm.task_instance import TASK_INSTANCE

#: Before all places.
START: Place = (datetime(1970, 1, 1), 0)  # noqa: DTZ001 - as the database has it
#: How many tasks go in one transaction, with all that hangs on them.
TASKS = 100


def mark(connection: Connection, workflow_id: int) -> None:
    """Mark a locked workflow: from now on nobody finds it, and its rows may go."""
    marked = update(workflow).where(workflow.c.id == workflow_id, workflow.c.deleted_at.is_(None))
    connection.execute(marked.values(deleted_at=clock.read_clock(connection)))


def marked(connection: Connection, after: Place, limit: int) -> list[Place]:
    """Return workflows whose rows are to go, the longest marked first, behind a place: when they were marked, and ids."""
    statement = (
        select(workflow.c.deleted_at, workflow.c.id)
        .where(
            # A range of the index, said to both databases: SQLite does not know IS NOT NULL as one.
            workflow.c.deleted_at >= after[0],
            or_(workflow.c.deleted_at > after[0], workflow.c.id > after[1]),
        )
        .order_by(workflow.c.deleted_at, workflow.c.id)
        .limit(limit)
    )
    return [(row.deleted_at, row.id) for row in connection.execute(statement)]


def count(connection: Connection) -> int:
    """Return how many workflows there are."""
    there = select(func.count()).select_from(workflow).where(not_deleted())
    return int(connection.execute(there).scalar_one())


def lock_marked(connection: Connection, workflow_id: int) -> bool:
    """Lock a workflow that is marked, its runs first; False when its row is gone, or was never marked."""
    runs = select(workflow_run.c.id).where(workflow_run.c.workflow_id == workflow_id)
    connection.execute(runs.order_by(workflow_run.c.id).with_for_update()).all()
    statement = select(workflow.c.id).where(workflow.c.id == workflow_id, workflow.c.deleted_at.is_not(None))
    return connection.execute(statement.with_for_update()).one_or_none() is not None


def some_tasks(connection: Connection, workflow_id: int) -> list[int]:
    """Return some tasks of a workflow, in whatever order costs least."""
    statement = select(task.c.id).where(task.c.workflow_id == workflow_id).limit(TASKS)
    return sorted(connection.execute(by_index(statement, task, "ix_task_schedule")).scalars())


def lock_ended(connection: Connection, task_ids: Sequence[int]) -> bool:
    """Lock all instances of these tasks, by id, then the tasks; False if one of the instances lives."""
    of_tasks = select(task_instance.c.id).where(task_instance.c.task_id.in_(task_ids))
    instance_ids = sorted(connection.execute(of_tasks).scalars())
    for some in chunks(instance_ids):
        statement = (
            select(task_instance.c.status)
            .where(task_instance.c.id.in_(some))
            .order_by(task_instance.c.id)
            .with_for_update()
        )
        statuses = set(connection.execute(by_index(statement, task_instance)).scalars())
        if statuses & TASK_INSTANCE.live:
            return False
    tasks = select(task.c.id).where(task.c.id.in_(task_ids)).order_by(task.c.id).with_for_update()
    connection.execute(by_index(tasks, task)).all()
    return True


def cut_edges(connection: Connection, task_ids: Sequence[int]) -> bool:
    """Cut a batch of the edges from and to these tasks: downstreams wait no longer. True when none is left."""
    ends = (edge.c.upstream_id, edge.c.downstream_id)
    for near, far in (ends, ends[::-1]):
        statement = (
            select(near.label("near"), far.label("far"), edge.c.downstream_id, task.c.released)
            .join_from(edge, task, task.c.id == edge.c.upstream_id)
            .where(near.in_(task_ids))
            .limit(BATCH)
        )
        rows = connection.execute(statement).all()
        dag.wait_for_fewer(connection, (row.downstream_id for row in rows if not row.released))
        fars: defaultdict[int, list[int]] = defaultdict(list)
        for row in rows:
            fars[row.near].append(row.far)
        for one, others in sorted(fars.items()):
            connection.execute(delete(edge).where(near == one, far.in_(others)))
        if len(rows) == BATCH:
            return False
    return True


def remove_tasks(connection: Connection, task_ids: Sequence[int]) -> None:
    """Delete tasks without edges, and with them all that hangs on them; submissions of which nothing is left go too."""
    of_tasks = (
        select(submission_step.c.submission_id)
        .join_from(submission_step, task_instance, task_instance.c.id == submission_step.c.task_instance_id)
        .where(task_instance.c.task_id.in_(task_ids))
        .distinct()
    )
    submissions = sorted(connection.execute(of_tasks).scalars())
    connection.execute(delete(task).where(task.c.id.in_(task_ids)))
    if submissions:
        has_steps = exists().where(submission_step.c.submission_id == submission.c.id)
        connection.execute(delete(submission).where(submission.c.id.in_(submissions), ~has_steps))


def remove_workflow(connection: Connection, workflow_id: int) -> None:
    """Delete a workflow that has no task any more, and with it its arrays, batches and runs."""
    connection.execute(delete(array).where(array.c.workflow_id == workflow_id))
    connection.execute(delete(workflow).where(workflow.c.id == workflow_id))
