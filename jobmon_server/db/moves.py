"""The guarded writes: what was planned for locked pairs, one by one or set-based, and the rows of record beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Table, bindparam, insert, update
from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome, Reporter
from jobmon_server.db.bulk import update_many
from jobmon_server.db.models import task, task_instance
from jobmon_server.db.models_control import metric_sample, task_instance_attribute
from jobmon_server.db.models_records import error_log, journal
from jobmon_server.db.noted import note
from jobmon_server.db.pairs import Locked
from jobmon_server.db.samples import Sample
from jobmon_server.db.transaction import LostRace
from jobmon_server.db.upsert import upsert
from jobmon_server.fsm.plan import By, Plan
from jobmon_server.tally import Noted

# Made once: a statement object remembers what it is known by in the cache of compiled ones.
_GUARDED = {
    table.name: update(table).where(table.c.id == bindparam("row_id"), table.c.status == bindparam("was"))
    for table in (task_instance, task)
}
_DECIDED = insert(journal)
_FAILED = insert(error_log)


@dataclass(frozen=True, slots=True)
class Change:
    """What one decision writes: `instance` and `task` are the columns that change, nothing else is touched.

    `report_by` is the instance's deadline afterwards; `error` is the text of its error-log entry, if it gets one.
    """

    was: Locked
    plan: Plan
    by: By
    report_by: datetime | None
    instance: dict[str, Any] = field(default_factory=dict)
    task: dict[str, Any] = field(default_factory=dict)
    is_journalled: bool = False
    reporter_id: str | None = None
    reason: str | None = None
    error: str | None = None
    attributes: dict[str, Any] | None = None
    sample: Sample | None = None


def write(connection: Connection, change: Change) -> None:
    """Write one change: two guarded updates at most, the journal row, and the error-log entry of a failure."""
    if change.instance:
        _update_one(
            connection,
            task_instance,
            change.was.task_instance_id,
            change.was.pair.task_instance,
            change.instance,
        )
    if change.task:
        _update_one(connection, task, change.was.task_id, change.was.pair.task, change.task)
    if change.is_journalled:
        connection.execute(_DECIDED, _journal_row(change))
    if change.error is not None:
        connection.execute(_FAILED, _error_row(change))
    if change.attributes or change.sample is not None:
        _keep(connection, [change])
    note(connection, _noted(change))


def write_many(connection: Connection, changes: Sequence[Change]) -> None:
    """Write many changes, of one instance each at most, in a number of statements that does not grow with theirs."""
    update_many(
        connection,
        task_instance,
        [(change.was.task_instance_id, change.was.pair.task_instance, change.instance) for change in changes],
    )
    update_many(
        connection, task, [(change.was.task_id, change.was.pair.task, change.task) for change in changes]
    )
    journalled = [_journal_row(change) for change in changes if change.is_journalled]
    if journalled:
        connection.execute(_DECIDED, journalled)
    errors = [_error_row(change) for change in changes if change.error is not None]
    if errors:
        connection.execute(_FAILED, errors)
    _keep(connection, [change for change in changes if change.attributes or change.sample is not None])
    note(connection, *map(_noted, changes))


def _keep(connection: Connection, changes: Sequence[Change]) -> None:
    """Keep what reports bring beside the columns of their instances: attributes and measurements."""
    attributes: list[dict[str, Any]] = []
    samples: list[dict[str, Any]] = []
    for change in changes:
        place = {"task_instance_id": change.was.task_instance_id}
        given = (change.attributes or {}).items()
        attributes += [
            {**place, "name": name, "value": value, "updated_at": change.was.now} for name, value in given
        ]
        if change.sample is not None:
            slot = change.sample.slot(change.was.metric_samples)
            values = change.sample.values.items()
            samples += [
                {**place, "slot": slot, "name": name, "time": change.was.now, "value": value}
                for name, value in values
            ]
    upsert(connection, task_instance_attribute, attributes)
    upsert(connection, metric_sample, samples)


def _update_one(connection: Connection, table: Table, row_id: int, was: Any, values: dict[str, Any]) -> None:
    if connection.execute(_GUARDED[table.name], {"row_id": row_id, "was": was, **values}).rowcount != 1:
        raise LostRace


def _noted(change: Change) -> Noted:
    """Return what is counted of a change: of heartbeats only that they were fenced."""
    was, plan, reporter = change.was, change.plan, change.by.reporter
    status = was.pair.task_instance
    is_edge = change.is_journalled or plan.outcome is Outcome.DUPLICATE
    if plan.task_instance is status:
        return Noted(status, plan.wanted if is_edge else None, plan.outcome, reporter)
    is_late = reporter is Reporter.REAPER and was.report_by is not None
    return Noted(
        status,
        plan.wanted,
        plan.outcome,
        reporter,
        seconds=None if was.status_at is None else (was.now - was.status_at).total_seconds(),
        late=(was.now - was.report_by).total_seconds() if is_late and was.report_by else None,
    )


def _journal_row(change: Change) -> dict[str, Any]:
    return {
        "task_instance_id": change.was.task_instance_id,
        "was": change.was.pair.task_instance,
        "wanted": change.plan.wanted,
        "outcome": change.plan.outcome.value,
        "task_from": change.was.pair.task,
        "task_to": change.plan.task,
        "reporter": change.by.reporter.value,
        "reporter_id": change.by.worker_id or change.reporter_id,
        "reason": change.reason,
        "time": change.was.now,
    }


def _error_row(change: Change) -> dict[str, Any]:
    return {
        "task_instance_id": change.was.task_instance_id,
        "workflow_id": change.was.workflow_id,
        "error_time": change.was.now,
        "source": change.by.reporter.value,
        "description": change.error,
    }
