"""Rerun of a task together with everything below it that has begun."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome, TaskStatus
from jobmon_server.actions.acts import ActVerdict, act_on_task, act_on_these, workflow_of
from jobmon_server.db import dag, subjects
from jobmon_server.db.transaction import Database
from jobmon_server.fsm.acts import WAITING
from jobmon_server.fsm.task import TASK

#: What below a task is left as it is: it has not begun, or an operator stopped it.
_LEFT = WAITING | (TASK.terminal - {TaskStatus.DONE, TaskStatus.ERROR_FATAL})


def rerun_all_below(
    database: Database, task_id: int, reason: str | None = None, actor: str | None = None
) -> ActVerdict:
    """Rerun a task, then what is below it and has begun, layer after layer, in bounded transactions.

    From the top down: what is below waits from then on, so a task that is reset later runs again after its
    upstreams all the same. What waits, is paused or was stopped is left alone. Raises `Unknown`.
    """
    workflow_id = workflow_of(database, task_id)
    top = act_on_task(database, task_id, "rerun", reason, actor)
    if top.outcome is Outcome.INVALID:
        return top
    changed = list(top.task_ids)
    for layer in database.read(dag.descendants, task_id):
        for batch in dag.chunks(layer):
            begun = database.read(_begun, batch)
            verdicts = database.transact(act_on_these, workflow_id, begun, "rerun", reason, actor)
            changed += [one.task_id for one in verdicts if one.outcome is Outcome.APPLIED]
    return ActVerdict(Outcome.APPLIED if changed else top.outcome, top.status, changed)


def _begun(connection: Connection, task_ids: list[int]) -> list[int]:
    statuses = subjects.statuses(connection, task_ids)
    return [one for one in task_ids if one in statuses and statuses[one] not in _LEFT]
