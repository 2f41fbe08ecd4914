"""What an operator does to one task, to some, or to every task of a workflow: stop, pause, play, retry, rerun."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement
from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome, TaskStatus, WorkflowStatus
from jobmon_server.actions.settle import settle_locked
from jobmon_server.db import dag, subjects, workflows
from jobmon_server.db.models import task
from jobmon_server.db.pairs import BATCH
from jobmon_server.db.transaction import Database
from jobmon_server.db.workflows import LockedWorkflow
from jobmon_server.errors import Unknown
from jobmon_server.fsm.acts import ACTS, WAITING
from jobmon_server.fsm.task import LIVE

_HOLDS = {"pause": True, "play": False}


@dataclass(frozen=True, slots=True)
class ActVerdict:
    """What became of an act: the ids of the tasks it changed, and the status of what was acted on."""

    outcome: Outcome
    status: TaskStatus | WorkflowStatus
    task_ids: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TaskVerdict:
    """What became of an act on one task of many; an unknown one has no status."""

    task_id: int
    outcome: Outcome
    status: TaskStatus | None = None


@dataclass(frozen=True, slots=True)
class Some:
    """One transaction's part of an act on a workflow."""

    looked: int
    changed: list[int]
    there: bool
    status: WorkflowStatus


def workflow_of(database: Database, task_id: int) -> int:
    """Return the workflow of a task. Raises `Unknown`."""
    workflow_id = database.read(subjects.workflow_of, task_id)
    if workflow_id is None:
        raise Unknown("task", task_id)
    return workflow_id


def act_on_task(
    database: Database, task_id: int, verb: str, reason: str | None = None, actor: str | None = None
) -> ActVerdict:
    """Do one act to one task. Raises `Unknown`."""
    workflow_id = workflow_of(database, task_id)
    (verdict,) = database.transact(act_on_these, workflow_id, [task_id], verb, reason, actor)
    if verdict.status is None:
        raise Unknown("task", task_id)
    changed = [task_id] if verdict.outcome is Outcome.APPLIED else []
    return ActVerdict(verdict.outcome, verdict.status, changed)


def act_on_tasks(
    database: Database,
    task_ids: Sequence[int],
    verb: str,
    reason: str | None = None,
    actor: str | None = None,
) -> list[TaskVerdict]:
    """Do one act to each of these tasks, in bounded transactions by workflow; a verdict each, in the order given."""
    found: dict[int, TaskVerdict] = {}
    for workflow_id, ids in database.read(subjects.by_workflow, sorted(set(task_ids))).items():
        for batch in dag.chunks(ids):
            verdicts = database.transact(act_on_these, workflow_id, batch, verb, reason, actor)
            found |= {one.task_id: one for one in verdicts}
    return [found.get(one) or TaskVerdict(one, Outcome.UNKNOWN) for one in task_ids]


def act_on_these(
    connection: Connection,
    workflow_id: int,
    task_ids: Sequence[int],
    verb: str,
    reason: str | None,
    actor: str | None,
) -> list[TaskVerdict]:
    """Do one act to these tasks of one workflow, in one transaction."""
    locked = workflows.lock_workflow(connection, workflow_id)
    if locked is None:
        return [TaskVerdict(one, Outcome.UNKNOWN) for one in task_ids]
    outcomes = act(connection, task_ids, verb, reason, actor)
    settle_locked(connection, locked)
    return [TaskVerdict(one, *outcomes.get(one, (Outcome.UNKNOWN, None))) for one in task_ids]


def act_on_workflow(
    database: Database, workflow_id: int, verb: str, reason: str | None = None, actor: str | None = None
) -> ActVerdict:
    """Do one act to every task of a workflow that it may change, in bounded transactions. Raises `Unknown`."""
    return _all(database, workflow_id, verb, reason, actor, None)


def stop_waiting(
    database: Database, workflow_id: int, reason: str | None = None, actor: str | None = None
) -> ActVerdict:
    """Stop every task of a workflow for which nothing was queued. Raises `Unknown`."""
    return _all(database, workflow_id, "stop", reason, actor, task.c.status.in_(WAITING))


def stop_children(
    database: Database, task_id: int, reason: str | None = None, actor: str | None = None
) -> ActVerdict:
    """Stop the direct downstream tasks for which nothing was queued. Raises `Unknown`."""
    workflow_id = workflow_of(database, task_id)
    children = dag.is_downstream_of(task_id) & task.c.status.in_(WAITING)
    return _all(database, workflow_id, "stop", reason, actor, children)


def _all(
    database: Database,
    workflow_id: int,
    verb: str,
    reason: str | None,
    actor: str | None,
    only: ColumnElement[bool] | None,
) -> ActVerdict:
    changed: list[int] = []
    there = False
    while True:
        some = database.transact(_act_on_some, workflow_id, verb, reason, actor, only)
        changed += some.changed
        there = there or some.there
        if some.looked < BATCH:
            break
    outcome = Outcome.APPLIED if changed else Outcome.DUPLICATE if there else Outcome.INVALID
    return ActVerdict(outcome, some.status, changed)


def _act_on_some(
    connection: Connection,
    workflow_id: int,
    verb: str,
    reason: str | None,
    actor: str | None,
    only: ColumnElement[bool] | None,
) -> Some:
    locked = workflows.lock_workflow(connection, workflow_id)
    if locked is None:
        raise Unknown("workflow", workflow_id)
    ids = subjects.find(connection, workflow_id, _condition(verb) if only is None else only, BATCH)
    changed = _changed(act(connection, ids, verb, reason, actor).items())
    # Where only some are meant, that none of them is left is what was asked for.
    there = only is not None or _is_there(connection, locked, verb) or (verb == "play" and locked.held)
    if only is None and verb in _HOLDS and (changed or there):
        workflows.hold(connection, workflow_id, held=_HOLDS[verb])
        locked = workflows.lock_workflow_of(connection, workflow_id, locked.run) or locked
    return Some(len(ids), changed, there, settle_locked(connection, locked))


def _changed(outcomes: Iterable[tuple[int, tuple[Outcome, TaskStatus]]]) -> list[int]:
    return [one for one, (outcome, _) in outcomes if outcome is Outcome.APPLIED]


def _condition(verb: str) -> ColumnElement[bool]:
    condition = task.c.status.in_(ACTS[verb].sources)
    return condition & ~subjects.is_started_afresh_already() if verb == "rerun" else condition


def _is_there(connection: Connection, locked: LockedWorkflow, verb: str) -> bool:
    there = task.c.status == ACTS[verb].there
    if verb == "rerun":
        there |= task.c.status.in_(LIVE) & subjects.is_started_afresh_already()
    return bool(subjects.find(connection, locked.workflow_id, there, 1))


def act(
    connection: Connection, task_ids: Sequence[int], verb: str, reason: str | None, actor: str | None = None
) -> dict[int, tuple[Outcome, TaskStatus]]:
    """Do one act to tasks of a workflow that is locked; the outcome and the status after it, by task."""
    acts = [(was, ACTS[verb](was.subject)) for was in subjects.lock_subjects(connection, task_ids)]
    applied = [(was, act) for was, act in acts if act.outcome is Outcome.APPLIED]
    subjects.write_acts(connection, applied, reason or f"an operator's {verb}", actor)
    again = [was.task_id for was, _ in applied if was.subject.task is TaskStatus.DONE]
    dag.take_back(connection, again)
    return {was.task_id: (act.outcome, act.task) for was, act in acts}
