"""Rerun of tasks together with everything below them that has begun."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome, TaskStatus
from jobmon_server.actions.operator.acts import ActOperation, ActVerdict, do_to_task, workflow_of
from jobmon_server.actions.operator.task_operation import TaskVerdict, try_to_do
from jobmon_server.db.core.rows import BATCH, RowDict, chunks
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.workflows import dag, task_locks
from jobmon_server.errors import Busy
from jobmon_server.fsm.acts import WAITING
from jobmon_server.fsm.task import TASK

#: How many tasks are told by name.
MOST_NAMED = 100
#: What below a task is left as it is: it has not begun, or an operator stopped it.
_LEFT = WAITING | (TASK.terminal - {TaskStatus.DONE, TaskStatus.ERROR_FATAL})


def rerun_all_below(database: Database, task_id: int, deed: ActOperation) -> ActVerdict:
    """Rerun a task, then what is below it and has begun. Raises `Unknown`, and `Busy` when some was left."""
    top = do_to_task(database, task_id, deed)
    if top.outcome is Outcome.INVALID:
        return top
    below = rerun_below(database, workflow_of(database, task_id), [task_id], deed)
    if any(one.outcome is Outcome.BUSY for one in below):
        raise Busy
    changed = top.task_ids + [one.task_id for one in below if one.outcome is Outcome.APPLIED]
    return ActVerdict(Outcome.APPLIED if changed else top.outcome, top.status, changed)


def rerun_below(
    database: Database, workflow_id: int, task_ids: Sequence[int], deed: ActOperation
) -> list[TaskVerdict]:
    """Rerun what is below tasks that were reset and has begun, layer after layer, in bounded transactions.

    From the top down: what is below waits from then on, so a task that is reset later runs again after its
    upstreams all the same. What waits, is paused or was stopped is left alone.
    """
    return [
        verdict
        for layer in database.read(dag.descendants, task_ids)
        for batch in chunks(layer)
        for verdict in try_to_do(database, workflow_id, database.read(_begun, batch), deed)
    ]


def begun_children(connection: Connection, task_id: int) -> list[RowDict]:
    """Return the tasks that wait for this one directly and have begun all the same; the first hundred, by id."""
    children = _begun(connection, dag.downstreams(connection, [task_id])[:BATCH])
    return task_locks.named(connection, children[:MOST_NAMED])


def begun_below(connection: Connection, task_ids: Sequence[int]) -> list[int]:
    """Return what is below these tasks, directly or not, and has begun."""
    layers = dag.descendants(connection, task_ids)
    return [one for layer in layers for batch in chunks(layer) for one in _begun(connection, batch)]


def _begun(connection: Connection, task_ids: Sequence[int]) -> list[int]:
    statuses = task_locks.statuses(connection, task_ids)
    return [one for one in task_ids if one in statuses and statuses[one] not in _LEFT]
