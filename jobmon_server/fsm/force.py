"""What an operator may set by force, beside the tables: how a task ended, together with its last instance. Pure."""

from __future__ import annotations

from jobmon_client.states import Outcome
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus as T
from jobmon_server.fsm.acts import Act, TaskWithInstance

#: What a task can be forced to, and what its last instance is then set to with it. No edges: nobody walks here else.
FORCED = {T.DONE: TI.DONE, T.ERROR_FATAL: TI.ERROR_FATAL}


def plan_force(was: TaskWithInstance, wanted: T) -> Act:
    """Say that a task ended so; its last instance must have ended, and is said to have ended so as well."""
    if was.task is wanted:
        return Act(Outcome.DUPLICATE, was.task, was.num_attempts)
    if was.task_instance is None or was.has_live_instance:
        return Act(Outcome.INVALID, was.task, was.num_attempts)
    return Act(Outcome.APPLIED, wanted, was.num_attempts, FORCED[wanted])
