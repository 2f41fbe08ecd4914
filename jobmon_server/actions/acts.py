"""What an operator does to one task or to every task of a workflow: stop, pause, play, retry, rerun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome, TaskStatus, WorkflowStatus
from jobmon_server.actions.settle import settle_locked
from jobmon_server.db import dag, subjects, workflows
from jobmon_server.db.models import task
from jobmon_server.db.pairs import BATCH
from jobmon_server.db.transaction import Database
from jobmon_server.db.workflows import LockedWorkflow
from jobmon_server.errors import Unknown
from jobmon_server.fsm.acts import ACTS
from jobmon_server.fsm.task import LIVE, TASK

#: Where an act finds tasks that it may change, and where they are "there already".
_CHANGES = {
    "stop": TASK.sources(TaskStatus.STOPPED),
    "pause": TASK.sources(TaskStatus.PAUSED),
    "play": frozenset({TaskStatus.PAUSED}),
    "retry": frozenset({TaskStatus.ERROR_FATAL}),
    "rerun": frozenset(TaskStatus) - {TaskStatus.REGISTERING},
}
_THERE = {"stop": TaskStatus.STOPPED, "pause": TaskStatus.PAUSED}
_HOLDS = {"pause": True, "play": False}


@dataclass(frozen=True, slots=True)
class ActVerdict:
    """What became of an act: `applied` counts the tasks it changed, `status` is that of what was acted on."""

    outcome: Outcome
    status: TaskStatus | WorkflowStatus
    applied: int


def act_on_task(connection: Connection, task_id: int, verb: str, reason: str | None = None) -> ActVerdict:
    """Do one act to one task. Raises `Unknown`."""
    found = select(task.c.workflow_id).where(task.c.id == task_id)
    workflow_id = connection.execute(found).scalar_one_or_none()
    locked = None if workflow_id is None else workflows.lock_workflow(connection, workflow_id)
    if locked is None:
        raise Unknown("task", task_id)
    outcomes = _act(connection, [task_id], verb, reason)
    settle_locked(connection, locked)
    outcome, status = outcomes[task_id]
    return ActVerdict(outcome, status, int(outcome is Outcome.APPLIED))


def act_on_workflow(database: Database, workflow_id: int, verb: str, reason: str | None = None) -> ActVerdict:
    """Do one act to every task of a workflow that it may change, in bounded transactions. Raises `Unknown`."""
    applied, there = 0, False
    while True:
        looked, changed, found_there, status = database.transact(_act_on_some, workflow_id, verb, reason)
        applied += changed
        there = there or found_there
        if looked < BATCH:
            break
    outcome = Outcome.APPLIED if applied else Outcome.DUPLICATE if there else Outcome.INVALID
    return ActVerdict(outcome, status, applied)


def _act_on_some(
    connection: Connection, workflow_id: int, verb: str, reason: str | None
) -> tuple[int, int, bool, WorkflowStatus]:
    locked = workflows.lock_workflow(connection, workflow_id)
    if locked is None:
        raise Unknown("workflow", workflow_id)
    ids = subjects.find(connection, workflow_id, _condition(verb), BATCH)
    outcomes = [outcome for outcome, _ in _act(connection, ids, verb, reason).values()]
    changed = outcomes.count(Outcome.APPLIED)
    there = _is_there(connection, locked, verb) or (verb == "play" and locked.held)
    if verb in _HOLDS and (changed or there):
        workflows.hold(connection, workflow_id, held=_HOLDS[verb])
        locked = workflows.lock_workflow_of(connection, workflow_id, locked.run) or locked
    return len(ids), changed, there, settle_locked(connection, locked)


def _condition(verb: str) -> ColumnElement[bool]:
    condition = task.c.status.in_(_CHANGES[verb])
    return condition & ~subjects.is_started_afresh_already() if verb == "rerun" else condition


def _is_there(connection: Connection, locked: LockedWorkflow, verb: str) -> bool:
    there = task.c.status == _THERE.get(verb, TaskStatus.REGISTERING)
    if verb == "rerun":
        there |= task.c.status.in_(LIVE) & subjects.is_started_afresh_already()
    return bool(subjects.find(connection, locked.workflow_id, there, 1))


def _act(
    connection: Connection, task_ids: Sequence[int], verb: str, reason: str | None
) -> dict[int, tuple[Outcome, TaskStatus]]:
    acts = [(was, ACTS[verb](was.subject)) for was in subjects.lock_subjects(connection, task_ids)]
    applied = [(was, act) for was, act in acts if act.outcome is Outcome.APPLIED]
    subjects.write_acts(connection, applied, reason or f"an operator's {verb}")
    again = [was.task_id for was, _ in applied if was.subject.task is TaskStatus.DONE]
    dag.take_back(connection, again)
    return {was.task_id: (act.outcome, act.task) for was, act in acts}
