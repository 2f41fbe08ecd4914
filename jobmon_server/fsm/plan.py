"""The decision: from one locked pair and one report to what both rows become. Standard library only.

The order of the checks is the contract's: fenced, same status, untimely, the edges (instance, then task), the conditions of
`log_unknown_error`, `permanent` and `lost_contact`. Malformed and unknown are told before a pair is known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from jobmon_client.states import Outcome, Reporter
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus as T
from jobmon_server.fsm.task import AFTER_FAILURE, MIRRORED, TASK
from jobmon_server.fsm.task_instance import (
    ASKS_DEADLINE,
    EXTENDED_BY_BATCH,
    EXTENDED_BY_HOLD,
    EXTENDED_BY_WORKER,
    FAILED,
    KEPT_UNKILLABLE,
    REFUSED_FROM,
    TASK_INSTANCE,
    TOLD_TO_STOP,
)

#: How often a task gets an attempt back: nobody ever started it, or the infrastructure ended it.
MAX_REFUNDS = 10
TOLD_TO_STOP_REASON = "told to stop"


@dataclass(frozen=True, slots=True)
class By:
    """Who speaks: the kind of reporter and, for a worker, which one."""

    reporter: Reporter
    worker_id: str | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """A task instance and its task as they stood once both rows were locked.

    `worker_id` is the holder, `status_by` who made the present status, `orphan` that its task was stopped,
    `requeue` that its task starts afresh when it closes, `overdue` that its deadline has passed, `in_contact` that its
    holder, heard lately, alone may end it (`lost_contact` is `stop`).
    """

    task_instance: TI
    task: T
    num_attempts: int = 1
    max_attempts: int = 3
    num_refunds: int = 0
    worker_id: str | None = None
    status_by: By | None = None
    orphan: bool = False
    requeue: bool = False
    overdue: bool = False
    in_contact: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a report does: the outcome, and both rows as they are afterwards.

    `wanted` is what the journal records as the aim; `task_path` the statuses that the task passes through.
    """

    outcome: Outcome
    wanted: TI
    task_instance: TI
    task: T
    num_attempts: int
    num_refunds: int
    task_path: tuple[T, ...] = ()
    reason: str | None = None

    @property
    def applied(self) -> bool:
        """Whether the instance's row changes."""
        return self.outcome is Outcome.APPLIED


def plan_transition(
    was: Pair,
    wanted: TI,
    by: By,
    *,
    only_overdue: bool = False,
    permanent: bool = False,
    proof: bool = False,
    infrastructure: bool = False,
) -> Plan:
    """Decide, from the locked pair alone, where both rows go when `by` reports `wanted`.

    Args:
        was: The pair as it is locked.
        wanted: The status that the report is about.
        by: Who reports.
        only_overdue: The condition of `log_unknown_error`: a live deadline makes the report untimely.
        permanent: The cluster refuses the submission for good: `invalid` unless nothing was started.
        proof: The cluster knows that nothing of it runs: then it need not be the holder who ends it.
        infrastructure: What failed was not the task: the attempt is given back.
    """
    if (known := _known(was, wanted, by)) is not None:
        return known
    plan = _move(was, wanted, by, infrastructure=infrastructure)
    too_early = only_overdue and was.task_instance in ASKS_DEADLINE and not was.overdue
    if plan.applied and too_early:
        return _stay(was, wanted, Outcome.UNTIMELY)
    if plan.applied and permanent and was.task_instance not in REFUSED_FROM:
        return _stay(was, wanted, Outcome.INVALID)
    if plan.applied and not proof and _is_holders(was, wanted, by):
        return _stay(was, wanted, Outcome.UNTIMELY)
    return plan


def plan_heartbeat(was: Pair, by: By, *, batch: bool = False, unkillable: bool = False) -> Plan:
    """Decide what a sign of life does: extend, bring back from TRIAGING, or tell the worker to stop.

    `unkillable`: the command is to end, and the kernel cannot kill it; it keeps the status that it has.
    """
    if _is_fenced(was, by):
        return _stay(was, was.task_instance, Outcome.FENCED)
    if unkillable and was.task_instance in KEPT_UNKILLABLE:
        return _stay(was, was.task_instance, Outcome.APPLIED)
    if was.task_instance is TI.TRIAGING:
        return _move(was, TI.RUNNING, by)
    if was.task_instance in (EXTENDED_BY_BATCH if batch else EXTENDED_BY_WORKER):
        return _stay(was, was.task_instance, Outcome.APPLIED)
    told = was.task_instance in TOLD_TO_STOP or was.task_instance in TASK_INSTANCE.terminal
    return _stay(was, was.task_instance, Outcome.UNTIMELY if told else Outcome.INVALID)


def plan_hold(was: Pair, *, spent: bool) -> Plan:
    """Decide what a distributor does that cannot ask its cluster, or keeps what it found there; `spent`: for long enough."""
    before_launch = EXTENDED_BY_BATCH - EXTENDED_BY_WORKER - EXTENDED_BY_HOLD
    is_held = was.task_instance in EXTENDED_BY_HOLD and not spent
    applied = is_held or was.task_instance in before_launch
    return _stay(was, was.task_instance, Outcome.APPLIED if applied else Outcome.UNTIMELY)


def plan_claim(was: Pair, held_by: str | None, distributor: str) -> Plan:
    """Decide what a distributor's claim does; `held_by` is the distributor that claimed the instance before."""
    if held_by not in {None, distributor}:
        return _stay(was, TI.INSTANTIATED, Outcome.FENCED)
    if was.task_instance is TI.INSTANTIATED:
        return _stay(was, TI.INSTANTIATED, Outcome.DUPLICATE)
    return _move(was, TI.INSTANTIATED, By(Reporter.DISTRIBUTOR))


def after(was: Pair, plan: Plan, by: By) -> Pair:
    """Return the pair as an applied plan leaves it: planning again from it needs no second look at the rows."""
    return replace(
        was,
        task_instance=plan.task_instance,
        task=plan.task,
        num_attempts=plan.num_attempts,
        num_refunds=plan.num_refunds,
        worker_id=was.worker_id if was.worker_id is not None else by.worker_id,
        status_by=by,
        overdue=False,
    )


def _known(was: Pair, wanted: TI, by: By) -> Plan | None:
    """Return what is decided before any edge is looked at."""
    if _is_fenced(was, by):
        return _stay(was, wanted, Outcome.FENCED)
    if wanted == was.task_instance:
        return _stay(was, wanted, _same_status(was, by))
    if wanted is TI.RUNNING and was.task_instance in TOLD_TO_STOP:
        return _told_to_stop(was, by)
    if TASK_INSTANCE.is_untimely(was.task_instance, wanted):
        return _stay(was, wanted, Outcome.UNTIMELY)
    return None


def _is_fenced(was: Pair, by: By) -> bool:
    return was.worker_id is not None and by.worker_id is not None and was.worker_id != by.worker_id


def _is_holders(was: Pair, wanted: TI, by: By) -> bool:
    """Whether it is yet for its holder alone to end it so, and `by` is somebody else."""
    return was.in_contact and wanted in TASK_INSTANCE.terminal and by.worker_id != was.worker_id


def _same_status(was: Pair, by: By) -> Outcome:
    held = was.task_instance is TI.RUNNING and by.worker_id is not None
    if held or was.status_by == by:
        return Outcome.DUPLICATE
    return Outcome.UNTIMELY if was.task_instance in FAILED else Outcome.INVALID


def _told_to_stop(was: Pair, by: By) -> Plan:
    if was.worker_id is not None:
        return _stay(was, TI.RUNNING, Outcome.UNTIMELY)
    return replace(_move(was, TOLD_TO_STOP[was.task_instance], by), reason=TOLD_TO_STOP_REASON)


def _stay(was: Pair, wanted: TI, outcome: Outcome) -> Plan:
    return Plan(outcome, wanted, was.task_instance, was.task, was.num_attempts, was.num_refunds)


def _move(was: Pair, wanted: TI, by: By, *, infrastructure: bool = False) -> Plan:
    if not TASK_INSTANCE.allows(was.task_instance, wanted):
        return _stay(was, wanted, Outcome.INVALID)
    if was.orphan or was.task in TASK.terminal:
        closed = replace(_stay(was, wanted, Outcome.APPLIED), task_instance=wanted)
        return closed if wanted in TASK_INSTANCE.terminal else _stay(was, wanted, Outcome.INVALID)
    never_started = wanted is TI.NO_DISTRIBUTOR_ID and by.reporter is Reporter.REAPER
    refund = (never_started or infrastructure) and was.num_refunds < MAX_REFUNDS
    attempts = max(0, was.num_attempts - refund)
    afresh = was.requeue and wanted is TI.ERROR_FATAL
    again = afresh or (infrastructure and refund)
    path = (T.ERROR_RECOVERABLE, T.REGISTERING) if again else _task_path(was, wanted, attempts)
    if not TASK.allows(was.task, *path):
        return _stay(was, wanted, Outcome.INVALID)
    task = path[-1] if path else was.task
    attempts = 0 if afresh else attempts
    return Plan(Outcome.APPLIED, wanted, wanted, task, attempts, was.num_refunds + refund, path)


def _task_path(was: Pair, wanted: TI, num_attempts: int) -> tuple[T, ...]:
    """Return the statuses the task passes through; none when the news concerns the instance alone."""
    if wanted in AFTER_FAILURE:
        spent = num_attempts >= was.max_attempts
        return T.ERROR_RECOVERABLE, T.ERROR_FATAL if spent else AFTER_FAILURE[wanted]
    mirrored = MIRRORED.get(wanted, was.task)
    return () if mirrored == was.task else (mirrored,)
