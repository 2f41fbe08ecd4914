"""An operator says how a task ended, whatever the tables say: with its last instance, in the journal, with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome, TaskStatus
from jobmon_server.actions.operator.task_operation import Planned, TaskOperation, TaskVerdict
from jobmon_server.db.workflows import dag, task_locks
from jobmon_server.db.workflows.task_locks import LockedTaskWithInstance
from jobmon_server.fsm.acts import Act
from jobmon_server.fsm.force import plan_force


@dataclass(frozen=True)
class Force(TaskOperation):
    """A status set by force."""

    status: TaskStatus
    reason: str
    actor: str | None = None

    def lock(
        self, connection: Connection, task_ids: Sequence[int], *, lock: bool
    ) -> Sequence[LockedTaskWithInstance]:
        """Lock the tasks with their current instances."""
        return task_locks.lock_tasks_with_instances(connection, task_ids, lock=lock)

    def plan(self, tasks: Sequence[LockedTaskWithInstance]) -> list[Planned]:
        """Set what has ended."""
        return [self._planned(was, plan_force(was.subject, self.status)) for was in tasks]

    def write(self, connection: Connection, planned: Sequence[Planned]) -> None:
        """Write both rows and the journal; what ran on from a DONE that is none any more waits again."""
        acts = [(one.was, one.write) for one in planned]
        task_locks.write_acts(connection, acts, self.reason, self.actor)
        dag.take_back(connection, [was.task_id for was, _ in acts if was.status is TaskStatus.DONE])

    def _planned(self, was: LockedTaskWithInstance, act: Act) -> Planned:
        problem = _problem(was) if act.outcome is Outcome.INVALID else None
        return Planned(was, TaskVerdict(was.task_id, act.outcome, act.task, problem), act)


def _problem(was: LockedTaskWithInstance) -> str:
    if was.subject.task_instance is None:
        return "It was never queued: there is no attempt that could have ended so. Stop it instead."
    return f"Its last instance is {was.subject.task_instance}: stop it, and wait until it is confirmed dead."
