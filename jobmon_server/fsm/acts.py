"""What an operator's act does to a task and its current instance: withdraw, kill, start afresh. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from jobmon_client.states import Outcome
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus as T
from jobmon_server.fsm.task import LIVE, TASK
from jobmon_server.fsm.task_instance import TASK_INSTANCE, when_stopped


@dataclass(frozen=True, slots=True)
class TaskWithInstance:
    """A task and its current instance, both locked; `task_instance` is None for a task that never had one."""

    task: T
    task_instance: TI | None = None
    requeue: bool = False
    num_attempts: int = 0
    #: Whether it waits before it is tried again.
    delayed: bool = False

    @property
    def has_live_instance(self) -> bool:
        """Whether somebody may still be running it."""
        return self.task_instance is not None and self.task_instance not in TASK_INSTANCE.terminal


@dataclass(frozen=True, slots=True)
class Act:
    """What becomes of both rows; an instance status of None leaves the instance alone.

    `ends_delay`: the task keeps its status, and need not wait any longer before it is tried again.
    """

    outcome: Outcome
    task: T
    num_attempts: int
    task_instance: TI | None = None
    orphan: bool = False
    requeue: bool = False
    ends_delay: bool = False


def plan_start_afresh(was: TaskWithInstance) -> Act:
    """Cold resume and terminate: close the instance, then the task starts with attempts 0.

    An instance that nobody holds closes at once, and its task is REGISTERING in the same transaction; another is
    told to stop and marked *requeue*, and its task follows when it has closed.
    """
    if was.task not in LIVE or was.task_instance is None or not was.has_live_instance:
        return Act(Outcome.INVALID, was.task, was.num_attempts)
    if was.requeue:
        return Act(Outcome.DUPLICATE, was.task, was.num_attempts)
    to = when_stopped(was.task_instance)
    if to in TASK_INSTANCE.terminal:
        return Act(Outcome.APPLIED, T.REGISTERING, 0, to)
    return Act(Outcome.APPLIED, was.task, was.num_attempts, to, requeue=True)


def plan_stop(was: TaskWithInstance) -> Act:
    """Stop a task for good: STOPPED at once; what may run of it is told to stop and is an orphan from then on."""
    if was.task is T.STOPPED:
        return Act(Outcome.DUPLICATE, was.task, was.num_attempts)
    if not TASK.allows(was.task, T.STOPPED):
        return Act(Outcome.INVALID, was.task, was.num_attempts)
    instance = was.task_instance if was.has_live_instance else None
    to = None if instance is None or instance is TI.KILL_SELF else when_stopped(instance)
    return Act(Outcome.APPLIED, T.STOPPED, was.num_attempts, to, orphan=instance is not None)


def plan_pause(was: TaskWithInstance) -> Act:
    """Pause a task that does not run; an unclaimed instance is withdrawn and its attempt given back."""
    if was.task is T.PAUSED:
        return Act(Outcome.DUPLICATE, was.task, was.num_attempts)
    if not TASK.allows(was.task, T.PAUSED):
        return Act(Outcome.INVALID, was.task, was.num_attempts)
    if was.task is not T.QUEUED or was.task_instance is None:
        return Act(Outcome.APPLIED, T.PAUSED, was.num_attempts)
    return Act(Outcome.APPLIED, T.PAUSED, max(0, was.num_attempts - 1), when_stopped(was.task_instance))


def plan_play(was: TaskWithInstance) -> Act:
    """Let a paused task go on."""
    return _to_registering(was, ACTS["play"].sources, was.num_attempts)


def plan_retry(was: TaskWithInstance) -> Act:
    """Give a task that failed for good its attempts again."""
    return _to_registering(was, ACTS["retry"].sources, 0)


def plan_rerun(was: TaskWithInstance) -> Act:
    """Run a task again from whatever it is; a live one is stopped and rerun in one act.

    What runs of it is an orphan: whatever it still reports, DONE too, leaves the task alone.
    """
    if was.task not in LIVE:
        return _to_registering(was, ACTS["rerun"].sources, 0)
    stopped = plan_stop(was)
    if stopped.outcome is not Outcome.APPLIED or not TASK.allows(stopped.task, T.REGISTERING):
        return Act(Outcome.INVALID, was.task, was.num_attempts)
    return replace(stopped, task=T.REGISTERING, num_attempts=0)


def _to_registering(was: TaskWithInstance, sources: frozenset[T], num_attempts: int) -> Act:
    if was.delayed and was.task not in sources:
        return Act(Outcome.APPLIED, was.task, was.num_attempts, ends_delay=True)
    if was.task is T.REGISTERING:
        return Act(Outcome.DUPLICATE, was.task, was.num_attempts)
    if was.task not in sources or not TASK.allows(was.task, T.REGISTERING):
        return Act(Outcome.INVALID, was.task, was.num_attempts)
    return Act(Outcome.APPLIED, T.REGISTERING, num_attempts)


@dataclass(frozen=True, slots=True)
class Verb:
    """An act by name: its plan, the task statuses that it may change, and the one that needs no change."""

    plan: Callable[[TaskWithInstance], Act]
    sources: frozenset[T]
    there: T

    def __call__(self, was: TaskWithInstance) -> Act:
        """Plan it."""
        return self.plan(was)


#: Tasks that nothing has been queued for: what "stop all that waits" stops.
WAITING = TASK.sources(T.STOPPED) - LIVE

#: Tasks of which nothing is under way: their definitions may be changed.
CHANGEABLE = WAITING | TASK.terminal

#: The acts on tasks, by the VERB of their routes.
ACTS = {
    "stop": Verb(plan_stop, TASK.sources(T.STOPPED), T.STOPPED),
    "pause": Verb(plan_pause, TASK.sources(T.PAUSED), T.PAUSED),
    "play": Verb(plan_play, frozenset({T.PAUSED}), T.REGISTERING),
    "retry": Verb(plan_retry, frozenset({T.ERROR_FATAL}), T.REGISTERING),
    "rerun": Verb(plan_rerun, frozenset(T) - {T.REGISTERING}, T.REGISTERING),
}

#: The acts after which a task waits no longer before it is tried again.
ENDS_DELAY = frozenset(name for name, verb in ACTS.items() if verb.there is T.REGISTERING)
