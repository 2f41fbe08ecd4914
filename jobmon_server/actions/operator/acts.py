"""What an operator does to one task, to some, or to every task of a workflow: stop, pause, play, retry, rerun."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement
from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome, Status, TaskStatus, WorkflowStatus
from jobmon_server.actions.operator.task_operation import Planned, TaskOperation, TaskVerdict, do, do_locked
from jobmon_server.actions.workflow.runs import stopped_problem
from jobmon_server.actions.workflow.settle import settle_locked
from jobmon_server.db.core.rows import BATCH
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables import task
from jobmon_server.db.workflows import dag, task_locks, workflow_locks
from jobmon_server.db.workflows.task_locks import LockedTaskWithInstance
from jobmon_server.db.workflows.workflow_locks import LockedWorkflow
from jobmon_server.errors import Unknown
from jobmon_server.fsm.acts import ACTS, ENDS_DELAY, WAITING, Act

_HOLDS = {"pause": True, "play": False}
#: What a locked workflow must still be for an act on it.
Still = Callable[[Connection, LockedWorkflow], bool]


@dataclass(frozen=True, slots=True)
class ActVerdict:
    """What became of an act: the ids of the tasks it changed, and the status of what was acted on."""

    outcome: Outcome
    status: Status
    task_ids: list[int] = field(default_factory=list)
    problem: str | None = None
    #: Whether a workflow is held now and was not, or the other way round.
    hold_changed: bool = False


@dataclass(frozen=True, slots=True)
class ActPortion:
    """One transaction's part of an act on a workflow."""

    looked: int
    changed: list[int]
    there: bool
    status: WorkflowStatus
    is_another: bool = False
    hold_changed: bool = False
    problem: str | None = None


@dataclass(frozen=True)
class ActOperation(TaskOperation):
    """One of the acts of `fsm.acts`, with why and by whom."""

    verb: str
    reason: str | None = None
    actor: str | None = None

    def lock(
        self, connection: Connection, task_ids: Sequence[int], *, lock: bool
    ) -> Sequence[LockedTaskWithInstance]:
        """Lock the tasks with their current instances."""
        return task_locks.lock_tasks_with_instances(connection, task_ids, lock=lock)

    def plan(self, tasks: Sequence[LockedTaskWithInstance]) -> list[Planned]:
        """Ask the table."""
        return [self._planned(was, ACTS[self.verb](was.subject)) for was in tasks]

    def write(self, connection: Connection, planned: Sequence[Planned]) -> None:
        """Write what the acts change; what ran on from a DONE that is none any more waits again."""
        acts = [(one.was, one.write) for one in planned]
        task_locks.write_acts(connection, acts, self.reason or f"an operator's {self.verb}", self.actor)
        dag.take_back(connection, [was.task_id for was, _ in acts if was.status is TaskStatus.DONE])

    def _planned(self, was: LockedTaskWithInstance, act: Act) -> Planned:
        problem = cannot(self.verb, was.status) if act.outcome is Outcome.INVALID else None
        return Planned(was, TaskVerdict(was.task_id, act.outcome, act.task, problem), act)


def cannot(verb: str, status: TaskStatus) -> str:
    """Say that tasks of a status cannot be acted on so, and what can be done instead."""
    instead = "; use rerun" if verb == "retry" and status in ACTS["rerun"].sources else ""
    return f"Cannot {verb} {status} tasks{instead}."


def workflow_of(database: Database, task_id: int) -> int:
    """Return the workflow of a task. Raises `Unknown`."""
    workflow_id = database.read(task_locks.workflow_of, task_id)
    if workflow_id is None:
        raise Unknown("task", task_id)
    return workflow_id


def do_to_task(database: Database, task_id: int, deed: TaskOperation) -> ActVerdict:
    """Do one deed to one task. Raises `Unknown`."""
    (verdict,) = database.transact(do, workflow_of(database, task_id), [task_id], deed)
    if verdict.status is None:
        raise Unknown("task", task_id)
    changed = [task_id] if verdict.outcome is Outcome.APPLIED else []
    return ActVerdict(verdict.outcome, verdict.status, changed, verdict.problem)


def act_on_workflow(
    database: Database, workflow_id: int, deed: ActOperation, still: Still | None = None
) -> ActVerdict:
    """Do one act to every task of a workflow that it may change, in bounded transactions. Raises `Unknown`.

    A workflow that is not `still` what it was chosen for is left alone: `untimely`.
    """
    return _all(database, workflow_id, deed, None, still)


def stop_waiting(
    database: Database, workflow_id: int, reason: str | None = None, actor: str | None = None
) -> ActVerdict:
    """Stop every task of a workflow for which nothing was queued. Raises `Unknown`."""
    return _all(database, workflow_id, ActOperation("stop", reason, actor), task.c.status.in_(WAITING))


def stop_children(
    database: Database, task_id: int, reason: str | None = None, actor: str | None = None
) -> ActVerdict:
    """Stop the direct downstream tasks for which nothing was queued. Raises `Unknown`."""
    workflow_id = workflow_of(database, task_id)
    children = dag.is_downstream_of(task_id) & task.c.status.in_(WAITING)
    return _all(database, workflow_id, ActOperation("stop", reason, actor), children)


def _all(
    database: Database,
    workflow_id: int,
    deed: ActOperation,
    only: ColumnElement[bool] | None,
    still: Still | None = None,
) -> ActVerdict:
    changed: list[int] = []
    there = hold_changed = False
    while True:
        some = database.transact(_act_on_some, workflow_id, deed, only, still)
        if some.is_another:
            return ActVerdict(Outcome.UNTIMELY, some.status)
        still = None
        changed += some.changed
        there = there or some.there
        hold_changed = hold_changed or some.hold_changed
        if some.looked < BATCH:
            break
    outcome = Outcome.APPLIED if changed else Outcome.DUPLICATE if there else Outcome.INVALID
    problem = some.problem if outcome is Outcome.INVALID else None
    return ActVerdict(outcome, some.status, changed, problem, hold_changed)


def _act_on_some(
    connection: Connection,
    workflow_id: int,
    deed: ActOperation,
    only: ColumnElement[bool] | None,
    still: Still | None,
) -> ActPortion:
    locked = workflow_locks.lock_workflow(connection, workflow_id)
    if locked is None:
        raise Unknown("workflow", workflow_id)
    if still is not None and not still(connection, locked):
        return ActPortion(0, [], False, locked.status, is_another=True)
    verb = deed.verb
    ids = task_locks.find(connection, workflow_id, can_be(verb) if only is None else only, BATCH)
    verdicts = do_locked(connection, ids, deed)
    changed = [one.task_id for one in verdicts if one.outcome is Outcome.APPLIED]
    # Where only some are meant, that none of them is left is what was asked for.
    there = only is not None or _is_there(connection, locked, verb) or (verb == "play" and locked.held)
    hold_changed = False
    if only is None and verb in _HOLDS and (changed or there):
        hold_changed = locked.held is not _HOLDS[verb]
        workflow_locks.hold(connection, workflow_id, held=_HOLDS[verb])
        locked = workflow_locks.lock_workflow_of(connection, workflow_id, locked.run) or locked
    status = settle_locked(connection, locked)
    stopped = verb == "retry" and status is WorkflowStatus.STOPPED and not (changed or there)
    problem = stopped_problem(connection, workflow_id) if stopped else None
    return ActPortion(len(ids), changed, there, status, hold_changed=hold_changed, problem=problem)


def can_be(verb: str) -> ColumnElement[bool]:
    """Return the condition, over a task and its current instance, that an act changes it."""
    condition: ColumnElement[bool] = task.c.status.in_(ACTS[verb].sources)
    if verb in ENDS_DELAY:
        condition |= task.c.ready_at.is_not(None)
    return condition


def _is_there(connection: Connection, locked: LockedWorkflow, verb: str) -> bool:
    there = task.c.status == ACTS[verb].there
    return bool(task_locks.find(connection, locked.workflow_id, there, 1))
