"""Which pairs of instance and task can stand in the database at rest, found by walking the machine itself."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from jobmon_client.states import Outcome, Reporter
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus as T
from jobmon_server.fsm.acts import TaskWithInstance, plan_start_afresh
from jobmon_server.fsm.plan import By, Pair, after, plan_transition
from jobmon_server.fsm.task_instance import TASK_INSTANCE


@cache
def live_pairs() -> frozenset[tuple[TI, T]]:
    """Return every pair that a live instance, no orphan, and its task can be in."""
    by = By(Reporter.WORKER, "w")
    start = Pair(TASK_INSTANCE.initial, T.QUEUED)
    seen, todo = {start}, [start]
    while todo:
        was = todo.pop()
        for following in _after_reports(was, by) | _after_acts(was):
            if following not in seen:
                seen.add(following)
                todo.append(following)
    pairs = {(pair.task_instance, pair.task) for pair in seen}
    return frozenset((instance, task) for instance, task in pairs if instance in TASK_INSTANCE.live)


def _after_reports(was: Pair, by: By) -> set[Pair]:
    plans = [plan_transition(was, wanted, by) for wanted in TI]
    return {replace(after(was, plan, by), worker_id=None, status_by=None) for plan in plans if plan.applied}


def _after_acts(was: Pair) -> set[Pair]:
    act = plan_start_afresh(TaskWithInstance(was.task, was.task_instance, was.requeue, was.num_attempts))
    if act.outcome is not Outcome.APPLIED or act.task_instance is None:
        return set()
    return {replace(was, task_instance=act.task_instance, task=act.task, requeue=True)}


#: What the current instance of a task at rest in this status must be.
CLOSED_AS = {T.DONE: frozenset({TI.DONE}), T.ERROR_FATAL: TASK_INSTANCE.terminal - {TI.DONE}}
