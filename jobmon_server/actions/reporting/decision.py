"""From one locked pair and one report to the change it makes: the one function that decides, single and in bulk."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from jobmon_client.states import Outcome, ReasonCode, Reporter
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_server.actions.reporting.contact import contact_values, hold, is_in_contact
from jobmon_server.actions.reporting.report_types import Report
from jobmon_server.db.core.clock import seconds_after
from jobmon_server.db.core.guarded_update import status_values
from jobmon_server.db.instances.locking import Locked
from jobmon_server.db.instances.writes import Change
from jobmon_server.fsm.plan import Plan, after, plan_claim, plan_heartbeat, plan_transition
from jobmon_server.fsm.task_instance import FAILED, TASK_INSTANCE

#: Outcomes that leave a row in the journal.
_JOURNALLED = frozenset({Outcome.APPLIED, Outcome.UNTIMELY, Outcome.INVALID, Outcome.FENCED})
#: When an instance first came to a status.
_FIRST_AT = {TI.INSTANTIATED: "instantiated_at", TI.LAUNCHED: "launched_at", TI.RUNNING: "started_at"}
#: Statuses that run on the last increment the instance was given.
_ON_LAST_INCREMENT = TASK_INSTANCE.live - {TI.QUEUED}


def decide(was: Locked, report: Report) -> Change:
    """Plan a report against the locked pair and say which columns it changes."""
    if report.hold:
        return hold(was, report)
    plan = _planned(was, report)
    if plan.applied and plan.task_instance is not was.pair.task_instance:
        return moved(was, plan, report)
    return _stayed(was, plan, report)


def _planned(was: Locked, report: Report) -> Plan:
    if report.wanted is None:
        return plan_heartbeat(was.pair, report.by, batch=report.is_batch, unkillable=report.unkillable)
    return plan_transition(
        was.pair,
        report.wanted,
        report.by,
        only_overdue=report.only_overdue,
        permanent=report.permanent,
        proof=report.proof,
        infrastructure=report.infrastructure,
    )


class Decisions:
    """Decides for many that were locked at one instant: once for those that stand alike and are told alike.

    Alike are moves from one and the same `Pair`, whose reports differ in nothing but the facts that they bring.
    """

    def __init__(self) -> None:
        """Start with nothing decided."""
        self._known: dict[tuple[Any, ...], tuple[Change, Report]] = {}

    def decide(self, was: Locked, news: Report) -> Change:
        """Return what `decide` does."""
        if news.always or news.sample is not None:
            return decide(was, news)
        its_own = (
            id(was.pair),
            was.next_report_increment,
            was.is_started,
            was.contact_until,
            was.lost_contact,
        )
        key = (*its_own, *news.terms, *news.facts)
        found = self._known.get(key)
        if found is not None:
            return _like(was, news, *found)
        change = decide(was, news)
        if change.plan.task_instance is not was.pair.task_instance:
            self._known[key] = change, news
        return change


def _like(was: Locked, news: Report, change: Change, its_news: Report) -> Change:
    """Return the change of a pair that stands as another does, and is told the same but for the facts."""
    instance = change.instance if news.facts is its_news.facts else {**change.instance, **news.facts}
    return Change(
        was,
        change.plan,
        change.by,
        change.report_by,
        instance,
        change.task,
        is_journalled=change.is_journalled,
        reason=change.reason,
        error=change.error,
        attributes=news.attributes,
        resource=change.resource,
    )


def decide_claim(was: Locked, report: Report, distributor: str) -> Change:
    """Plan a distributor's claim, which is fenced by the distributor's name."""
    plan = plan_claim(was.pair, was.distributor, distributor)
    change = moved(was, plan, report) if plan.applied else _stayed(was, plan, report)
    return replace(change, reporter_id=distributor)


def moved(was: Locked, plan: Plan, report: Report) -> Change:
    """Return the change of an instance that goes to another status."""
    report_by = _new_deadline(was, plan.task_instance, report.next_report_increment)
    error = _error_text(plan.task_instance, report, plan.reason)
    return Change(
        was,
        plan,
        report.by,
        report_by,
        instance=_instance_values(was, plan, report, report_by),
        task=task_values(was, plan),
        is_journalled=True,
        reason=plan.reason or report.text,
        error=error,
        attributes=report.attributes,
        sample=report.sample,
        resource=report.resource,
    )


def _instance_values(was: Locked, plan: Plan, report: Report, report_by: datetime | None) -> dict[str, Any]:
    status = plan.task_instance
    values = {
        "status": status,
        "status_by": report.by.reporter.value,
        "status_at": was.now,
        "updated_at": was.now,
        "report_by": report_by,
        **_reason(was, plan),
    }
    if was.pair.worker_id is None and report.by.worker_id is not None:
        values["worker_id"] = report.by.worker_id
    if report.next_report_increment is not None:
        values["next_report_increment"] = report.next_report_increment
    if status in _FIRST_AT and not (status is TI.RUNNING and was.is_started):
        values[_FIRST_AT[status]] = was.now
    if report.wanted is None:
        values["heartbeat_at"] = was.now
    if status in TASK_INSTANCE.terminal:
        values["finished_at"] = was.now
    return {**values, **contact_values(was, plan, report), **_brought(was, report), **report.always}


def _reason(was: Locked, plan: Plan) -> dict[str, Any]:
    """Return why an instance has its new status, where its reporter gives no word for it.

    One that was to be killed and has ended as it was told keeps the word of that.
    """
    if plan.reason is not None:
        return {"reason_code": ReasonCode.TOLD_TO_STOP.value}
    is_killed = was.pair.task_instance is TI.KILL_SELF and plan.task_instance in FAILED
    return {} if is_killed else {"reason_code": None}


def _brought(was: Locked, report: Report) -> dict[str, Any]:
    """Return the columns that an applied report writes for what it brings; a measurement is counted."""
    if report.sample is None:
        return report.facts
    return {**report.facts, "metric_samples": was.metric_samples + 1}


def task_values(was: Locked, plan: Plan) -> dict[str, Any]:
    """Return the columns of the task that a plan changes; none when the news concerns the instance alone."""
    values: dict[str, Any] = {}
    if plan.task is not was.pair.task:
        values = status_values(plan.task, was.now)
    if plan.num_attempts != was.pair.num_attempts:
        values["num_attempts"] = plan.num_attempts
    if plan.num_refunds != was.pair.num_refunds:
        values["num_refunds"] = plan.num_refunds
    return {**values, "updated_at": was.now} if values else values


def _stayed(was: Locked, plan: Plan, report: Report) -> Change:
    """Return the change of a report that moves nothing: a deadline extended, a late id kept, a refusal recorded."""
    values: dict[str, Any] = {}
    if plan.applied:
        values = {**_brought(was, report), "heartbeat_at": was.now, **contact_values(was, plan, report)}
    if plan.outcome not in {Outcome.INVALID, Outcome.FENCED}:
        values |= report.always
    extends = plan.applied or (plan.outcome is Outcome.DUPLICATE and bool(report.always))
    report_by = was.report_by
    if extends:
        report_by = _forward(was, report.next_report_increment)
    if report_by != was.report_by:
        values |= {"report_by": report_by, "next_report_increment": report.next_report_increment}
    if values:
        values["updated_at"] = was.now
    is_journalled = report.wanted is not None and plan.outcome in _JOURNALLED
    return Change(
        was,
        plan,
        report.by,
        report_by,
        instance=values,
        is_journalled=is_journalled,
        reason=plan.reason or report.text,
        attributes=report.attributes if plan.applied else None,
        sample=report.sample if plan.applied else None,
    )


def _forward(was: Locked, increment: float | None) -> datetime | None:
    """Within one status a deadline only moves forward."""
    if increment is None or was.report_by is None:
        return was.report_by
    return max(was.report_by, seconds_after(was.now, increment))


def _new_deadline(was: Locked, status: TI, increment: float | None) -> datetime | None:
    if status not in _ON_LAST_INCREMENT:
        return None
    seconds = increment if increment is not None else was.next_report_increment
    if seconds is None:
        raise ValueError(
            f"{status} needs a deadline and instance {was.task_instance_id} was never given an increment"
        )
    return seconds_after(was.now, seconds)


def _error_text(status: TI, report: Report, reason: str | None) -> str | None:
    if status not in FAILED:
        return None
    if report.by.reporter is Reporter.WORKER and reason is not None:
        return f"The worker was {reason} before it started the command."
    return report.text or f"{status.value}, reported by the {report.by.reporter.value} without a description."


def followed(change: Change) -> Locked:
    """Return the pair as a change leaves it, so that a second report of the same batch is planned on it."""
    was = change.was
    if not change.plan.applied:
        return replace(was, report_by=change.report_by)
    has_moved = change.plan.task_instance is not was.pair.task_instance
    pair = after(was.pair, change.plan, change.by) if has_moved else was.pair
    until = change.instance.get("contact_until", was.contact_until)
    return replace(
        was,
        pair=replace(pair, in_contact=is_in_contact(until, was.now)),
        contact_until=until,
        held_seconds=change.instance.get("held_seconds", was.held_seconds),
        status_at=was.now if has_moved else was.status_at,
        report_by=change.report_by,
        next_report_increment=change.instance.get("next_report_increment", was.next_report_increment),
        is_started=was.is_started or change.plan.task_instance is TI.RUNNING,
        metric_samples=was.metric_samples + (change.sample is not None),
    )
