"""What a report means for who may end an instance, and for how long a distributor has put its deadlines off."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jobmon_client.states import LostContact
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_server.actions.reporting.report_types import Report
from jobmon_server.db.core.clock import seconds_after
from jobmon_server.db.instances.locking import Locked
from jobmon_server.db.instances.writes import Change
from jobmon_server.fsm.plan import Plan, plan_hold
from jobmon_server.fsm.task_instance import EXTENDED_BY_HOLD, EXTENDED_BY_WORKER, KEPT_UNKILLABLE

#: Increments after a sign of life in which its holder alone may end it. The worker ends its command after 1.8 of them.
CONTACT_INCREMENTS = 2.0
HELD = "held: its cluster could not be asked, or has it still"


def contact_values(was: Locked, plan: Plan, report: Report) -> dict[str, Any]:
    """Return the column that an applied sign of life of its worker moves on; nothing where no contact is kept."""
    increment = report.next_report_increment
    if increment is None or not _keeps_contact(plan.task_instance, report):
        return {}
    if was.contact_until is None and not _begins_contact(was, report):
        return {}
    until = seconds_after(was.now, CONTACT_INCREMENTS * increment)
    return {"contact_until": until if was.contact_until is None else max(was.contact_until, until)}


def _keeps_contact(status: TI, report: Report) -> bool:
    return status in EXTENDED_BY_WORKER or (report.unkillable and status in KEPT_UNKILLABLE)


def _begins_contact(was: Locked, report: Report) -> bool:
    """Whether a worker takes it now whose command must not run beside another attempt."""
    return report.wanted is TI.RUNNING and (was.lost_contact or report.lost_contact) == LostContact.STOP


def lost_contact_of(was: Locked, change: Change) -> LostContact:
    """Return what the worker is to do that has taken an instance, or has it already."""
    until = change.instance.get("contact_until", was.contact_until)
    return LostContact.CONTINUE if until is None else LostContact.STOP


def is_in_contact(until: datetime | None, now: datetime) -> bool:
    """Whether the holder alone may end it."""
    return until is not None and now < until


def hold(was: Locked, report: Report) -> Change:
    """Return the change of a distributor's hold: the deadline put off, by no more than the patience with a cluster."""
    increment = report.next_report_increment or 0.0
    held = was.held_seconds or 0.0
    left = report.patience - held
    plan = plan_hold(was.pair, spent=left <= 0)
    report_by = was.report_by
    values: dict[str, Any] = {}
    if plan.applied and report_by is not None:
        wanted = max(report_by, seconds_after(was.now, increment))
        if was.pair.task_instance in EXTENDED_BY_HOLD:
            wanted = min(wanted, seconds_after(report_by, left))
            values = {"held_seconds": held + (wanted - report_by).total_seconds()}
        if wanted != report_by:
            values |= {"report_by": wanted, "next_report_increment": increment}
        values |= {"heartbeat_at": was.now, "updated_at": was.now}
        report_by = wanted
    is_first = "held_seconds" in values and was.held_seconds is None
    reason = HELD if is_first else None
    return Change(was, plan, report.by, report_by, values, is_journalled=is_first, reason=reason)
