"""Cores that each break one rule, as systems of this kind have been seen to: the explorer must find every one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from jobmon_client.states import Outcome, Reporter
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus as T
from jobmon_server.actions.reporting.decision import decide, moved
from jobmon_server.actions.reporting.report_types import Report
from jobmon_server.db.instances.locking import Locked
from jobmon_server.db.instances.writes import Change
from jobmon_server.fsm.acts import Act, TaskWithInstance, plan_retry, plan_stop
from jobmon_server.fsm.plan import plan_transition
from jobmon_server.fsm.task import QUEUEABLE
from tests.server.fsm.model.explorer import MOST_INSTANCES
from tests.server.fsm.model.world import Core, Instance, Task


@dataclass(frozen=True)
class Broken:
    """A broken core, the fault that it must be found by, and a line that its story must have."""

    core: Core
    fault: str
    line: str
    most: int = MOST_INSTANCES


def seen_as(was: Locked, report: Report, **otherwise: Any) -> Change:
    """Decide on a pair that is not the one that was locked."""
    return replace(decide(replace(was, pair=replace(was.pair, **otherwise)), report), was=was)


def without_fence(was: Locked, report: Report) -> Change:
    """Anybody may speak for an instance."""
    return seen_as(was, report, worker_id=None)


def error_becomes_done(was: Locked, report: Report) -> Change:
    """A DONE that comes late undoes an ERROR."""
    if was.pair.task_instance is not TI.ERROR or report.wanted is not TI.DONE:
        return decide(was, report)
    return seen_as(was, report, task_instance=TI.RUNNING, task=T.RUNNING)


def done_becomes_unknown(was: Locked, report: Report) -> Change:
    """The reconciler's guess, written by id, overwrites a DONE that came meanwhile."""
    if was.pair.task_instance is not TI.DONE or report.wanted is not TI.UNKNOWN_ERROR:
        return decide(was, report)
    return seen_as(was, report, task_instance=TI.RUNNING, task=T.RUNNING)


def without_orphans(was: Locked, report: Report) -> Change:
    """What was stopped still moves its task."""
    return seen_as(was, report, orphan=False)


def without_deadline(was: Locked, report: Report) -> Change:
    """TRIAGING has no deadline."""
    change = decide(was, report)
    return replace(change, report_by=None) if change.plan.task_instance is TI.TRIAGING else change


def refunds_for_ever(was: Locked, report: Report) -> Change:
    """An attempt that nobody started is given back however often."""
    if was.pair.task_instance is not TI.INSTANTIATED or report.by.reporter is not Reporter.REAPER:
        return decide(was, report)
    plan = plan_transition(replace(was.pair, num_refunds=0), TI.NO_DISTRIBUTOR_ID, report.by)
    return moved(was, replace(plan, num_refunds=was.pair.num_refunds + 1), report)


def triage_in_circles(was: Locked, report: Report) -> Change:
    """When TRIAGING is overdue too, it is taken for RUNNING again."""
    if was.pair.task_instance is not TI.TRIAGING or report.by.reporter is not Reporter.REAPER:
        return decide(was, report)
    plan = replace(plan_transition(was.pair, TI.RUNNING, report.by), wanted=TI.UNKNOWN_ERROR)
    return moved(was, plan, report)


def told_twice_over(was: Locked, report: Report) -> Change:
    """A second worker's RUNNING counts as a duplicate of the first one's."""
    second = report.wanted is TI.RUNNING and was.pair.task_instance is TI.RUNNING
    change = decide(was, report)
    return replace(change, plan=replace(change.plan, outcome=Outcome.DUPLICATE)) if second else change


def applied_in_word_only(was: Locked, report: Report) -> Change:
    """A launch that is refused is answered as applied: logged, with warnings."""
    change = decide(was, report)
    refused = report.wanted is TI.LAUNCHED and change.plan.outcome is Outcome.UNTIMELY
    return replace(change, plan=replace(change.plan, outcome=Outcome.APPLIED)) if refused else change


def retry_keeps_attempts(was: TaskWithInstance) -> Act:
    """Retry does not set the attempts to 0."""
    return replace(plan_retry(was), num_attempts=was.num_attempts)


def stop_that_forgets(was: TaskWithInstance) -> Act:
    """Stop closes the task and leaves its instance as it is."""
    return replace(plan_stop(was), task_instance=None)


def queue_beside_the_stopped(task: Task, current: Instance | None) -> bool:
    """A rerun task is queued though what was stopped still lives."""
    return task.status in QUEUEABLE


def without_contact(was: Locked, report: Report) -> Change:
    """Whoever says so ends an attempt whose worker may still run it."""
    return seen_as(was, report, in_contact=False)


def queue_new_ones_only(task: Task, current: Instance | None) -> bool:
    """A task whose resources were scaled is never queued again."""
    return task.status is T.REGISTERING and (current is None or not current.is_live)


ACTS = Core().acts
CASES = {
    "without_fence": Broken(Core(without_fence), "the holder changed", "worker w2"),
    "error_becomes_done": Broken(
        Core(error_becomes_done), "a terminal instance changed", "instance 1: ERROR → DONE"
    ),
    "done_becomes_unknown": Broken(
        Core(done_becomes_unknown), "a terminal instance changed", "instance 1: DONE → UNKNOWN_ERROR"
    ),
    "without_orphans": Broken(
        Core(without_orphans), "the reaper is refused: it is stuck when nobody speaks", "| rerun"
    ),
    "without_deadline": Broken(
        Core(without_deadline),
        "a deadline belongs to every live status but QUEUED, and to no other",
        "RUNNING → TRIAGING",
    ),
    "refunds_for_ever": Broken(
        Core(refunds_for_ever),
        "more attempts were given back than there may be",
        "INSTANTIATED → NO_DISTRIBUTOR_ID",
    ),
    "triage_in_circles": Broken(
        Core(triage_in_circles), "a circle that the reaper walks alone", "TRIAGING → RUNNING", most=1
    ),
    "told_twice_over": Broken(
        Core(told_twice_over),
        "a worker was told RUNNING that is not the holder",
        "worker w2      | log_running, hears",
    ),
    "applied_in_word_only": Broken(
        Core(applied_in_word_only), "answered as applied, and nothing was written", "log_distributor_id"
    ),
    "retry_keeps_attempts": Broken(
        Core(acts={**ACTS, "retry": retry_keeps_attempts}),
        "a task waits for its turn and has no attempt left",
        "| retry",
    ),
    "stop_that_forgets": Broken(
        Core(acts={**ACTS, "stop": stop_that_forgets}), "what is to stop was not told to", "| stop"
    ),
    "queue_beside_the_stopped": Broken(
        Core(may_queue=queue_beside_the_stopped), "two instances of one task are live", "| rerun"
    ),
    "without_contact": Broken(
        Core(without_contact, stop=True), "two attempts run at once", "log_known_error"
    ),
    "queue_new_ones_only": Broken(
        Core(acts={}, may_queue=queue_new_ones_only),
        "a dead end: no way leads on from here",
        "LAUNCHED → RESOURCE_ERROR",
    ),
}
