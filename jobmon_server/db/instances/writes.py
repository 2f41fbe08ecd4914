"""The guarded writes: what was planned for locked pairs, one by one or set-based, and the rows of record beside it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome, Reporter
from jobmon_server.db.core.after_commit import count_after_commit
from jobmon_server.db.core.guarded_update import update_many, with_ids
from jobmon_server.db.core.planner_hints import by_index
from jobmon_server.db.core.prepared import PreparedStatement
from jobmon_server.db.core.upsert import upsert
from jobmon_server.db.instances.locking import Locked
from jobmon_server.db.instances.metric_samples import Sample
from jobmon_server.db.schema.tables import task, task_instance
from jobmon_server.db.schema.tables_control import metric_sample, task_instance_attribute
from jobmon_server.db.schema.tables_records import error_log, journal
from jobmon_server.fsm.plan import By, Plan
from jobmon_server.shared_counters import CommittedMove

_TOLD = ("was", "wanted", "outcome", "task_from", "task_to", "reporter", "reason", "time")
_DECIDED = PreparedStatement(insert(journal), ("task_instance_id", *_TOLD, "reporter_id"))
#: By whether its reporter is who holds the instance: a decision alike for many, told once.
_DECIDED_FOR_ALL = {
    by_holder: PreparedStatement(
        insert(journal).from_select(
            ["task_instance_id", *_TOLD, "reporter_id"],
            by_index(
                select(
                    task_instance.c.id,
                    *(bindparam(name, type_=journal.c[name].type) for name in _TOLD),
                    task_instance.c.worker_id
                    if by_holder
                    else bindparam("reporter_id", type_=journal.c.reporter_id.type),
                ).where(with_ids(task_instance)),
                task_instance,
            ),
        )
    )
    for by_holder in (False, True)
}
#: From how many on that costs less than rows of their own.
_MANY = 16
_FAILED = insert(error_log)


@dataclass(slots=True)
class Change:
    """What one decision writes: `instance` and `task` are the columns that change, nothing else is touched.

    `report_by` is the instance's deadline afterwards; `error` is the text of its error-log entry, if it gets one,
    `resource` what was short.
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
    resource: str | None = None


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
    _write_down(connection, [change for change in changes if change.is_journalled])
    errors = [_error_row(change) for change in changes if change.error is not None]
    if errors:
        connection.execute(_FAILED, errors)
    _keep(connection, [change for change in changes if change.attributes or change.sample is not None])
    count_after_commit(connection, *_noted_together(changes))


def _write_down(connection: Connection, changes: Sequence[Change]) -> None:
    """Write the journal: a decision that is alike for many is told once, with the ids of those it is about."""
    alike: defaultdict[tuple[Any, ...], list[Change]] = defaultdict(list)
    for some in _decided_together(changes):
        alike[_as_told(some[0])] += some
    few: list[Change] = []
    for some in alike.values():
        if len(some) < _MANY:
            few += some
        else:
            write_down_for_all(connection, some[0], [change.was.task_instance_id for change in some])
    if few:
        _DECIDED.each(connection, [_journal_row(change) for change in few])


def _decided_together(changes: Sequence[Change]) -> Iterable[list[Change]]:
    """Group changes of one and the same decision: they are alike but for whom they are about and what was brought."""
    found: defaultdict[int, list[Change]] = defaultdict(list)
    for change in changes:
        found[id(change.plan)].append(change)
    return found.values()


def _as_told(change: Change) -> tuple[Any, ...]:
    """Return what its journal row says, but for the instance, and the holder where he reports."""
    was, plan, by, pair = change.was, change.plan, change.by, change.was.pair
    by_holder = _is_by_holder(change)
    reporter_id = None if by_holder else by.worker_id or change.reporter_id
    statuses = (pair.task_instance, pair.task, plan.wanted, plan.outcome, plan.task)
    return (by_holder, reporter_id, *statuses, by.reporter, change.reason, was.now)


def write_down_for_all(connection: Connection, change: Change, task_instance_ids: Sequence[int]) -> None:
    """Write one decision into the journal of many instances, as if each had been made by itself."""
    facts = {**_journal_row(change), "ids": task_instance_ids}
    _DECIDED_FOR_ALL[_is_by_holder(change)].change(connection, facts)


def _is_by_holder(change: Change) -> bool:
    """Whether who reports has not been fenced: he holds the instance now."""
    return change.plan.applied and change.by.worker_id is not None


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


def note_times(connection: Connection, change: Change, times: int) -> None:
    """Count a change as often as it was made."""
    count_after_commit(connection, _noted(change)._replace(times=times))


def _noted_together(changes: Sequence[Change]) -> Iterator[CommittedMove]:
    """Return what is counted of changes; those of one decision that stood equally long are counted at once."""
    keys = [
        (id(one.plan), one.was.status_at, one.was.report_by if one.by.reporter is Reporter.REAPER else None)
        for one in changes
    ]
    alike = dict(zip(keys, changes, strict=True))
    for key, times in Counter(keys).items():
        yield _noted(alike[key])._replace(times=times)


def _noted(change: Change) -> CommittedMove:
    """Return what is counted of a change: of heartbeats only that they were fenced."""
    was, plan, reporter = change.was, change.plan, change.by.reporter
    status = was.pair.task_instance
    is_edge = change.is_journalled or plan.outcome is Outcome.DUPLICATE
    if plan.task_instance is status:
        return CommittedMove(status, plan.wanted if is_edge else None, plan.outcome, reporter)
    is_late = reporter is Reporter.REAPER and was.report_by is not None
    return CommittedMove(
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
