"""A deed done to tasks of one workflow in one transaction: lock, look again, plan, write; a verdict for each task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome, Status
from jobmon_server.actions.workflow.settle import settle_locked
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.workflows import workflow_locks
from jobmon_server.errors import Busy

#: Outcomes after which there is nothing to complain of.
ACCEPTED = frozenset({Outcome.APPLIED, Outcome.DUPLICATE})
#: Why a task is left alone that was another when it was chosen.
ANOTHER = "It has become another since it was chosen."


@dataclass(frozen=True, slots=True)
class TaskVerdict:
    """What became of a deed on one task of many; an unknown one has no status."""

    task_id: int
    outcome: Outcome
    status: Status | None = None
    problem: str | None = None


class LockedTask(Protocol):
    """A task as it stands, locked, whatever else is known of it."""

    @property
    def task_id(self) -> int:
        """Its id."""

    @property
    def status(self) -> Status:
        """Its status."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What a deed makes of one task: the verdict with the status after it, and what is to be written."""

    was: Any
    verdict: TaskVerdict
    write: Any = None


class TaskOperation(ABC):
    """What can be done to a task."""

    #: Whether it can change what a workflow's status depends on.
    settles: ClassVar[bool] = True
    #: Whether a task's plan depends on the others of its transaction: then a refusal that ends it undoes them all.
    is_joint: ClassVar[bool] = False

    @abstractmethod
    def lock(self, connection: Connection, task_ids: Sequence[int], *, lock: bool) -> Sequence[LockedTask]:
        """Lock those of these tasks that there are, by id; without `lock` only read them."""

    @abstractmethod
    def plan(self, tasks: Sequence[Any]) -> list[Planned]:
        """Say what becomes of each."""

    @abstractmethod
    def write(self, connection: Connection, planned: Sequence[Planned]) -> None:
        """Write what was applied."""


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What a task must still be when it is locked, and whether the first refusal ends it all.

    `still` returns those of some tasks that are still meant; `expected` are the statuses that they were seen in.
    """

    still: Callable[[Connection, Sequence[int]], set[int]] | None = None
    expected: Mapping[int, Any] = field(default_factory=dict)
    stop: bool = False

    def others(self, connection: Connection, found: Mapping[int, Any]) -> dict[int, Any]:
        """Return those of what was found, statuses by id, that have become others since they were chosen."""
        meant = set(found) if self.still is None else self.still(connection, list(found))
        return {
            one: status
            for one, status in found.items()
            if one not in meant or self.expected.get(one, status) is not status
        }


ANY_TERMS = Preconditions()


def try_to_do(
    database: Database,
    workflow_id: int,
    task_ids: Sequence[int],
    deed: TaskOperation,
    terms: Preconditions = ANY_TERMS,
) -> list[TaskVerdict]:
    """Do a deed in a transaction of its own; one that keeps losing its races leaves the tasks as they are: `busy`."""
    try:
        return database.transact(do, workflow_id, task_ids, deed, terms)
    except Busy:
        return [TaskVerdict(one, Outcome.BUSY) for one in task_ids]


def do(
    connection: Connection,
    workflow_id: int,
    task_ids: Sequence[int],
    deed: TaskOperation,
    terms: Preconditions = ANY_TERMS,
) -> list[TaskVerdict]:
    """Do a deed to tasks of one workflow; verdicts by task id, up to the refusal that ended it."""
    locked = workflow_locks.lock_workflow(connection, workflow_id)
    if locked is None:
        return [TaskVerdict(one, Outcome.UNKNOWN) for one in task_ids]
    verdicts = do_locked(connection, task_ids, deed, terms)
    if deed.settles:
        settle_locked(connection, locked)
    return verdicts


def do_locked(
    connection: Connection, task_ids: Sequence[int], deed: TaskOperation, terms: Preconditions = ANY_TERMS
) -> list[TaskVerdict]:
    """Do a deed to tasks of a workflow that is locked already."""
    tasks = deed.lock(connection, task_ids, lock=True)
    others = terms.others(connection, {one.task_id: one.status for one in tasks})
    planned = deed.plan([one for one in tasks if one.task_id not in others])
    found = {one.verdict.task_id: one.verdict for one in planned}
    found |= {one: TaskVerdict(one, Outcome.UNTIMELY, status, ANOTHER) for one, status in others.items()}
    verdicts = [found.get(one) or TaskVerdict(one, Outcome.UNKNOWN) for one in sorted(task_ids)]
    if terms.stop:
        verdicts = _until_refused(verdicts, whole=deed.is_joint)
    kept = {one.task_id for one in verdicts if one.outcome is Outcome.APPLIED}
    deed.write(connection, [one for one in planned if one.verdict.task_id in kept])
    return verdicts


def _until_refused(verdicts: list[TaskVerdict], *, whole: bool) -> list[TaskVerdict]:
    for number, one in enumerate(verdicts):
        if one.outcome not in ACCEPTED:
            return [one] if whole else verdicts[: number + 1]
    return verdicts
