"""What must hold: of each step by itself, of each state, and of the whole graph of states."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jobmon_client.states import Outcome, Reporter
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus as T
from jobmon_server.fsm.consistent import CLOSED_AS, live_pairs
from jobmon_server.fsm.plan import MAX_REFUNDS
from jobmon_server.fsm.task import LIVE, QUEUEABLE, TASK
from jobmon_server.fsm.task_instance import TASK_INSTANCE, WHEN_OVERDUE
from tests.server.fsm.model.world import (
    MAX_ATTEMPTS,
    WORKERS,
    Core,
    Instance,
    Step,
    Task,
    Worker,
    reaped,
    waits_for_lapse,
)

#: Workers whose command runs, or ran to its end.
STARTED = frozenset({Worker.TOLD, Worker.OK, Worker.FAILED})


def step_faults(was: Instance, task: Task, step: Step) -> Iterator[str]:
    """Yield what a report, a claim or the reaper did against the rules."""
    yield from _row_faults(was, step.instance)
    yield from _task_faults(was, task, step)
    yield from _answer_faults(was, task, step)
    if step.fault:
        yield step.fault


def _row_faults(was: Instance, then: Instance) -> Iterator[str]:
    if not was.is_live and then.row != was.row:
        yield "a terminal instance changed"
    if was.holder is not None and then.holder != was.holder:
        yield "the holder changed"
    if was.distributor is not None and then.distributor != was.distributor:
        yield "the distributor changed"
    if then.status is not was.status and not TASK_INSTANCE.allows(was.status, then.status):
        yield "the instance went where no edge leads"


def _task_faults(was: Instance, task: Task, step: Step) -> Iterator[str]:
    if task.status is T.DONE and step.task.status is not T.DONE:
        yield "a DONE task was undone, and no operator asked for it"
    if (was.orphan or task.status in TASK.terminal) and step.task != task:
        yield "an orphan moved its task"
    if not _task_may_go(task.status, step.task.status):
        yield "the task went where no edge leads"


def _answer_faults(was: Instance, task: Task, step: Step) -> Iterator[str]:
    changed = (step.instance.row, step.task) != (was.row, task)
    if changed and step.outcome != Outcome.APPLIED:
        yield "something changed that was not answered as applied"
    accepted = step.outcome in {Outcome.APPLIED, Outcome.DUPLICATE}
    if step.what == "log_done" and accepted and step.instance.status is not TI.DONE:
        yield "a DONE was acknowledged that is none"
    counts = not was.orphan and task.status not in TASK.terminal
    if (
        step.what == "log_done"
        and step.outcome == Outcome.APPLIED
        and counts
        and step.task.status is not T.DONE
    ):
        yield "a DONE was acknowledged and the task does not have it"
    is_beat = step.what.startswith("log_report_by")
    if step.outcome == Outcome.APPLIED and not is_beat and step.instance.status is was.status:
        yield "answered as applied, and nothing was written"


def act_faults(
    verb: str, was: Instance | None, task: Task, then: Instance | None, its_task: Task
) -> Iterator[str]:
    """Yield what an operator's act did against the rules."""
    if was is not None and then is not None:
        yield from _row_faults(was, then)
    if task.status is T.DONE and its_task.status is not T.DONE and verb != "rerun":
        yield "a DONE task was undone, and nobody asked for a rerun"
    if not _task_may_go(task.status, its_task.status):
        yield "the task went where no edge leads"


def _task_may_go(was: T, then: T) -> bool:
    return was is then or TASK.allows(was, then) or TASK.allows(was, T.ERROR_RECOVERABLE, then)


def task_faults(task: Task, current: Instance | None) -> Iterator[str]:
    """Yield the invariants that a task and its last instance break: what `db check` asks."""
    if not 0 <= task.num_attempts <= MAX_ATTEMPTS:
        yield f"{task.num_attempts} attempts of {MAX_ATTEMPTS} are used up"
    if task.status in {*QUEUEABLE, T.PAUSED} and task.num_attempts == MAX_ATTEMPTS:
        yield "a task waits for its turn and has no attempt left"
    if task.num_refunds > MAX_REFUNDS:
        yield "more attempts were given back than there may be"
    if task.status is T.ERROR_RECOVERABLE:
        yield "a task rests in ERROR_RECOVERABLE"
    its_own = current if current is not None and current.is_live and not current.orphan else None
    if task.status in LIVE and its_own is None:
        yield "a live task has no live instance"
    if its_own is not None and (its_own.status, task.status) not in live_pairs():
        yield "instance and task do not agree"
    if task.status in CLOSED_AS and (current is None or current.status not in CLOSED_AS[task.status]):
        yield "a closed task was not closed so by its last instance"


def instance_faults(core: Core, one: Instance, task: Task) -> Iterator[str]:
    """Yield the invariants that an instance breaks: what its workers were told, and that its deadline leads on."""
    started = [index for index, state in enumerate(one.workers) if state in STARTED]
    if len(started) > 1:
        yield "two workers were told RUNNING for one instance"
    if any(WORKERS[index] != one.holder for index in started):
        yield "a worker was told RUNNING that is not the holder"
    if one.is_live and (one.orphan or one.requeue) and one.status is not TI.KILL_SELF:
        yield "what is to stop was not told to"
    if one.is_live and one.status is not TI.QUEUED:
        if one.status not in WHEN_OVERDUE:
            yield "a live status has no step for a passed deadline"
        elif not waits_for_lapse(one) and reaped(core, one, task).outcome != Outcome.APPLIED:
            yield "the reaper is refused: it is stuck when nobody speaks"


def are_beside(instances: Iterable[Instance]) -> bool:
    """Whether more than one command runs."""
    return sum(state is Worker.TOLD for one in instances for state in one.workers) > 1


def is_at_rest(instances: tuple[Instance, ...]) -> bool:
    """Whether nothing is due by itself: what is live waits to be claimed."""
    return all(one.status not in WHEN_OVERDUE for one in instances)


def is_a_way_out(task: Task, instances: tuple[Instance, ...], most: int) -> bool:
    """Whether the task has ended, or waits for somebody outside: to be played, or queued beyond this world's bound."""
    beyond = task.status in QUEUEABLE and len(instances) == most
    ended = task.status in TASK.terminal
    return is_at_rest(instances) and (ended or beyond or task.status is T.PAUSED)


#: Who makes steps that nobody outside asked for.
AUTOMATIC = Reporter.REAPER.value
