"""What the server does by itself when a deadline has passed. Each look is re-checked under the lock of its write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome, ReasonCode, Reporter, TaskInstanceStatus, WorkflowStatus
from jobmon_server.actions.reporting.decision import moved
from jobmon_server.actions.reporting.report_types import Report
from jobmon_server.actions.reporting.retry_delay import with_retry_delays
from jobmon_server.actions.reporting.transition import Verdict, verdict
from jobmon_server.actions.workflow.runs import reap_run
from jobmon_server.actions.workflow.settle import settle, settle_if_over
from jobmon_server.db.core import clock
from jobmon_server.db.core.rows import BATCH
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.instances import locking
from jobmon_server.db.instances.writes import write_many
from jobmon_server.db.schema.tables import task_instance
from jobmon_server.db.workflows import workflow_locks
from jobmon_server.fsm.plan import By, plan_transition
from jobmon_server.fsm.task_instance import TASK_INSTANCE, WHEN_OVERDUE

_REAPER = By(Reporter.REAPER)
#: How many runs and workflows one pass takes.
_LIMIT = 100
#: Statuses that a passed deadline moves to another live one.
_STAYS_LIVE = frozenset(was for was, to in WHEN_OVERDUE.items() if to in TASK_INSTANCE.live)
#: Statuses in which a settle that a crash left out would be missed.
_MAY_BE_UNSETTLED = frozenset({WorkflowStatus.RUNNING, WorkflowStatus.HALTED})


@dataclass(frozen=True, slots=True)
class Reaped:
    """What one pass did."""

    task_instances: int = 0
    workflow_runs: int = 0
    workflows: int = 0

    def __bool__(self) -> bool:
        """Whether it did anything."""
        return bool(self.task_instances or self.workflow_runs or self.workflows)


def reap(database: Database, until: datetime | None = None) -> Reaped:
    """Do one pass: overdue instances in batches, overdue runs, settles that a crash left out.

    `until` is when the right to do so ends, by the database's clock: what is looked at later, because the database was
    away in between, is left to the next pass.
    """
    moved_instances = 0
    while ids := database.read(overdue):
        verdicts = database.transact(close_overdue, ids, until)
        applied = [one for one in verdicts if one.outcome is Outcome.APPLIED]
        moved_instances += len(applied)
        settle_if_over(database, (one.left_workflow_id for one in applied))
        if len(ids) < BATCH or not applied:
            break
    runs = database.read(workflow_locks.overdue_runs, _LIMIT)
    ended = sum(database.transact(reap_run, run_id, until) for run_id in runs)
    unsettled = database.read(workflow_locks.unsettled, _MAY_BE_UNSETTLED, _LIMIT)
    for workflow_id in unsettled:
        database.transact(settle, workflow_id)
    return Reaped(moved_instances, ended, len(unsettled))


def overdue(connection: Connection) -> list[int]:
    """Return a batch of instances whose deadline has passed, the longest overdue first.

    One that would end, and that its holder alone may end yet, is no use to look at.
    """
    now = clock.read_clock(connection)
    may_move = or_(
        task_instance.c.contact_until.is_(None),
        task_instance.c.contact_until <= now,
        task_instance.c.status.in_(_STAYS_LIVE),
    )
    statement = (
        select(task_instance.c.id)
        .where(task_instance.c.report_by < now, may_move)
        .order_by(task_instance.c.report_by)
        .limit(BATCH)
    )
    return list(connection.execute(statement).scalars())


def close_overdue(
    connection: Connection, task_instance_ids: Sequence[int], until: datetime | None = None
) -> list[Verdict]:
    """Move those of these instances that are overdue still, now that they are locked; the next pass finds the others."""
    changes = []
    for was in locking.lock_many(connection, task_instance_ids).pairs.values():
        wanted = WHEN_OVERDUE.get(was.pair.task_instance)
        if wanted is None or not was.pair.overdue or (until is not None and was.now > until):
            continue
        plan = plan_transition(was.pair, wanted, _REAPER)
        text = f"its deadline as {was.pair.task_instance} passed at {was.report_by} UTC"
        if plan.applied:
            changes.append(moved(was, plan, Report(wanted, _REAPER, facts=_why(was), text=text)))
    changes = with_retry_delays(connection, changes)
    write_many(connection, changes)
    return [verdict(change) for change in changes]


def _why(was: locking.Locked) -> dict[str, str]:
    """One that was to be killed has ended for that, and not because nobody said so in time."""
    was_told = was.pair.task_instance is TaskInstanceStatus.KILL_SELF
    return {} if was_told else {"reason_code": ReasonCode.DEADLINE_PASSED.value}
