"""Runs: one owner's time of driving a workflow. Started, kept alive, resumed, terminated, found silent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome, TaskStatus, WorkflowRunStatus, WorkflowStatus
from jobmon_server.actions.workflow.settle import settle_locked
from jobmon_server.db.core.clock import seconds_after
from jobmon_server.db.core.rows import BATCH
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.reads.lookups import count_tasks
from jobmon_server.db.schema.tables import task
from jobmon_server.db.workflows import dag, task_locks, workflow_locks
from jobmon_server.db.workflows.workflow_locks import LockedRun, LockedWorkflow
from jobmon_server.errors import Invalid, Unknown
from jobmon_server.fsm.acts import plan_start_afresh
from jobmon_server.fsm.task import LIVE
from jobmon_server.fsm.workflow import RUN_ENDS, WORKFLOW_RUN, workflow_status

COLD = "cold"
HOT = "hot"


@dataclass(frozen=True, slots=True)
class RunVerdict:
    """What became of an act on a run; `applied` counts the tasks it changed."""

    outcome: Outcome
    status: WorkflowRunStatus
    applied: int = 0
    is_all: bool = True


@dataclass(frozen=True, slots=True)
class StartRunResult:
    """A run that was started now, or by the same request before (`duplicate`)."""

    outcome: Outcome
    workflow_run_id: int
    status: WorkflowRunStatus


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a run is started with, and on which terms."""

    next_report_increment: float
    resume: str | None = None
    request_id: str | None = None
    process: dict[str, Any] | None = None
    takes_over: int | None = None


def start_run(
    database: Database,
    workflow_id: int,
    next_report_increment: float,
    resume: str | None = None,
    request_id: str | None = None,
    actor: str | None = None,
    process: dict[str, Any] | None = None,
    takes_over: int | None = None,
) -> StartRunResult:
    """Start a run, after as many bounded transactions as a resume needs.

    `process` is what drives it, in its own words; `takes_over` is the run whose owner the caller knows to be dead.

    The last run's `request_id` again gives that run again, so that a call whose reply was lost may be repeated.
    Raises `Unknown`, or `Invalid` while a run is alive, on a workflow with nothing left to do, and without
    `resume` where there was a run.
    """
    asked = RunRequest(next_report_increment, resume, request_id, process, takes_over)
    while True:
        started = database.transact(start_or_prepare, workflow_id, asked, actor)
        if started is not None:
            return started


def start_or_prepare(
    connection: Connection, workflow_id: int, asked: RunRequest, actor: str | None = None
) -> StartRunResult | None:
    """Start a run, or do one batch of what must come before it and return None."""
    locked = workflow_locks.lock_workflow(connection, workflow_id)
    if locked is None:
        raise Unknown("workflow", workflow_id)
    if locked.run is not None and asked.request_id is not None and locked.run.request_id == asked.request_id:
        return StartRunResult(Outcome.DUPLICATE, locked.run.workflow_run_id, locked.run.status)
    _refuse_to_start(locked, asked)
    locked = _take_over(connection, locked)
    if locked.run is not None:
        if asked.resume == COLD and _start_afresh(connection, locked, "cold resume", actor) == BATCH:
            return None
        if task_locks.reset_failed(connection, workflow_id, BATCH) == BATCH:
            return None
        dag.end_delays(connection, workflow_id)
    dag.release_done(connection, workflow_id)
    facts = replace(workflow_locks.read_facts(connection, locked), run_alive=True, ever_run=True)
    status = workflow_status(facts)
    if facts.present and status in RUN_ENDS:
        raise Invalid(_nothing_left(connection, workflow_id, status), extra={"status": locked.status})
    run_id = workflow_locks.add_run(
        connection, locked, asked.next_report_increment, asked.request_id, asked.process
    )
    workflow_locks.write_status(connection, locked, status if facts.present else WorkflowStatus.RUNNING)
    return StartRunResult(Outcome.APPLIED, run_id, WORKFLOW_RUN.initial)


def _nothing_left(connection: Connection, workflow_id: int, status: WorkflowStatus) -> str:
    if status is WorkflowStatus.STOPPED:
        return stopped_problem(connection, workflow_id)
    return f"Nothing is left to do: the workflow is {status}."


def stopped_problem(connection: Connection, workflow_id: int) -> str:
    """Say that a workflow is stopped, how much of it is not done, and how to run that after all."""
    counts = count_tasks(connection, [workflow_id]).get(workflow_id, {})
    left = sum(counts.values()) - counts.get(TaskStatus.DONE.value, 0)
    return (
        f"Workflow {workflow_id} is STOPPED with {left} task{'' if left == 1 else 's'} not done. To run them:"
        f" jobmon rerun {workflow_id} --status STOPPED, then jobmon resume {workflow_id}"
    )


def _refuse_to_start(locked: LockedWorkflow, asked: RunRequest) -> None:
    run = locked.run
    said = {"status": locked.status}
    is_dead = run is not None and run.workflow_run_id == asked.takes_over
    if run is not None and run.is_alive and not run.is_overdue and not is_dead:
        raise Invalid(f"Run {run.workflow_run_id} is alive until {run.report_by} UTC.", extra=said)
    if locked.status is WorkflowStatus.DONE:
        raise Invalid("The workflow is DONE.", extra=said)
    if run is not None and asked.resume is None:
        raise Invalid("There was a run already: say resume, cold or hot.", extra=said)


def _take_over(connection: Connection, locked: LockedWorkflow) -> LockedWorkflow:
    """End the run of an owner that fell silent, or is known to be dead: nobody has to wait for the reaper."""
    run = locked.run
    if run is None or not run.is_alive:
        return locked
    workflow_locks.write_run(connection, run, WorkflowRunStatus.TERMINATED, reason="a resume took over")
    return replace(locked, run=replace(run, status=WorkflowRunStatus.TERMINATED, report_by=None))


def _start_afresh(connection: Connection, locked: LockedWorkflow, reason: str, actor: str | None) -> int:
    """Withdraw or kill up to a batch of live instances so that their tasks start afresh; return how many tasks."""
    condition = task.c.status.in_(LIVE) & ~task_locks.is_started_afresh_already()
    ids = task_locks.find(connection, locked.workflow_id, condition, BATCH)
    acts = [
        (was, plan_start_afresh(was.subject)) for was in task_locks.lock_tasks_with_instances(connection, ids)
    ]
    task_locks.write_acts(
        connection, [one for one in acts if one[1].outcome is Outcome.APPLIED], reason, actor
    )
    return len(ids)


def revive(connection: Connection, run: LockedRun, next_report_increment: float) -> LockedRun:
    """Take a sign of life of a run's owner: RUNNING, the deadline moved forward. Raises `Invalid` for an ended run."""
    if not run.is_alive:
        said = {"status": run.status}
        raise Invalid(f"Run {run.workflow_run_id} has ended: it is {run.status}.", extra=said)
    deadline = seconds_after(run.now, next_report_increment)
    report_by = deadline if run.report_by is None else max(run.report_by, deadline)
    workflow_locks.write_run(
        connection,
        run,
        WorkflowRunStatus.RUNNING,
        report_by=report_by,
        next_report_increment=next_report_increment,
    )
    return replace(run, status=WorkflowRunStatus.RUNNING, report_by=report_by)


def log_heartbeat(connection: Connection, workflow_run_id: int, next_report_increment: float) -> RunVerdict:
    """Extend a run's deadline; the first one makes it RUNNING, and an empty workflow DONE."""
    run = workflow_locks.lock_run(connection, workflow_run_id)
    if run is None:
        raise Unknown("workflow run", workflow_run_id)
    revived = revive(connection, run, next_report_increment)
    if run.status is WorkflowRunStatus.RUNNING:
        return RunVerdict(Outcome.APPLIED, revived.status)
    locked = workflow_locks.lock_workflow_of(connection, run.workflow_id, revived)
    status = None if locked is None else settle_locked(connection, locked)
    return RunVerdict(
        Outcome.APPLIED, revived.status if status is None else RUN_ENDS.get(status, revived.status)
    )


def terminate(
    database: Database, workflow_run_id: int, reason: str | None = None, actor: str | None = None
) -> RunVerdict:
    """End a run: what is live is told to stop, what waits is withdrawn; the workflow can be resumed."""
    applied = 0
    while True:
        why = reason or "its run was terminated"
        verdict = database.transact(terminate_some, workflow_run_id, why, actor)
        applied += verdict.applied
        if verdict.is_all:
            return replace(verdict, applied=applied)


def terminate_some(
    connection: Connection, workflow_run_id: int, reason: str, actor: str | None = None
) -> RunVerdict:
    """Do one batch of a termination; the last one ends the run."""
    run = workflow_locks.lock_run(connection, workflow_run_id)
    if run is None:
        raise Unknown("workflow run", workflow_run_id)
    if run.status is WorkflowRunStatus.STOPPED:
        return RunVerdict(Outcome.DUPLICATE, run.status)
    if not run.is_alive:
        said = {"status": run.status}
        raise Invalid(f"Run {workflow_run_id} has ended: it is {run.status}.", extra=said)
    locked = workflow_locks.lock_workflow_of(connection, run.workflow_id, run)
    if locked is None:
        raise Unknown("workflow", run.workflow_id)
    applied = _start_afresh(connection, locked, reason, actor)
    if applied == BATCH:
        return RunVerdict(Outcome.APPLIED, run.status, applied, is_all=False)
    end_run(connection, locked, WorkflowRunStatus.STOPPED, reason)
    return RunVerdict(Outcome.APPLIED, WorkflowRunStatus.STOPPED, applied)


def end_run(connection: Connection, locked: LockedWorkflow, status: WorkflowRunStatus, reason: str) -> None:
    """End a locked workflow's run, and settle: with work left the workflow is HALTED."""
    if locked.run is None:
        raise ValueError("a workflow without a run has none to end")
    workflow_locks.write_run(connection, locked.run, status, reason=reason)
    ended = replace(locked, run=replace(locked.run, status=status, report_by=None))
    settle_locked(connection, ended)


def reap_run(connection: Connection, workflow_run_id: int, until: datetime | None = None) -> bool:
    """End a run whose owner is silent past its deadline; False when it spoke meanwhile, or it is later than `until`."""
    run = workflow_locks.lock_run(connection, workflow_run_id)
    if run is None or not run.is_alive or not run.is_overdue or (until is not None and run.now > until):
        return False
    locked = workflow_locks.lock_workflow_of(connection, run.workflow_id, run)
    if locked is None:
        return False
    end_run(connection, locked, WorkflowRunStatus.ERROR, "its owner fell silent past its deadline")
    return True
