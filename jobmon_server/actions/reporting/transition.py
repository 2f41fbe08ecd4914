"""Instances move, one or many in a transaction: lock, decide, write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from jobmon_client.states import LostContact, Outcome, TaskInstanceStatus, TaskStatus
from jobmon_server.actions.reporting.command_exchange import CommandExchange, exchange
from jobmon_server.actions.reporting.contact import lost_contact_of
from jobmon_server.actions.reporting.decision import Decisions, decide, followed
from jobmon_server.actions.reporting.report_types import Report
from jobmon_server.actions.reporting.resource_scaling import with_resources
from jobmon_server.actions.reporting.retry_delay import with_retry_delays
from jobmon_server.db.instances import locking
from jobmon_server.db.instances.assignments import add_environments
from jobmon_server.db.instances.writes import Change, write_many
from jobmon_server.fsm.task import LIVE


@dataclass(slots=True)
class Verdict:
    """What became of one report: all that a reply says, and where a settle may be due (`left_workflow_id`).

    `is_foreign` when the instance is of an owner whom the caller does not serve.
    """

    outcome: Outcome
    task_instance_id: int
    status: TaskInstanceStatus | None = None
    task_status: TaskStatus | None = None
    report_by: datetime | None = None
    wanted: TaskInstanceStatus | None = None
    assignment: dict[str, Any] | None = None
    left_workflow_id: int | None = None
    place: dict[str, int] = field(default_factory=dict)
    exchanged: CommandExchange | None = None
    lost_contact: LostContact | None = None
    is_foreign: bool = False

    @property
    def is_remarkable(self) -> bool:
        """Whether a batch reply lists it: not applied, not the status that its report wanted, or there is more to tell.

        A worker has to be told that it must stop when it is out of touch.
        """
        return (
            self.outcome is not Outcome.APPLIED
            or (self.wanted is not None and self.status is not self.wanted)
            or (self.exchanged is not None and self.exchanged.is_remarkable)
            or self.lost_contact is LostContact.STOP
        )


def report(connection: Connection, task_instance_id: int, news: Report) -> Verdict:
    """Move one instance, and its task with it, to where a caller says it is."""
    is_running = news.wanted is TaskInstanceStatus.RUNNING
    was = locking.lock(connection, task_instance_id, assignment=is_running)
    if was is None:
        return Verdict(Outcome.UNKNOWN, task_instance_id)
    if is_foreign(was, news):
        return foreign(was)
    add_environments(connection, [was.assignment])
    (change,) = _completed(connection, [decide(was, news)])
    write_many(connection, [change])
    said = verdict(change, news)
    told = exchange(connection, [(change, news)])
    return replace(said, exchanged=told[0]) if told else said


def report_many(
    connection: Connection, items: Sequence[tuple[int, Report]], *, wait: bool = True
) -> list[Verdict | None]:
    """Apply many reports in the order given; each has its own outcome, none costs another.

    At most `BATCH` distinct instances. None for those of an instance that was passed over: report it alone. Without
    `wait`, for single reports that go together, none is waited for, and who says RUNNING gets what he needs to start.
    """
    locked = _lock(connection, items, wait=wait)
    last: dict[int, Change] = {}
    verdicts: list[Verdict | None] = []
    heard: list[tuple[Change, Report]] = []
    places: list[int] = []
    decisions = Decisions()
    for task_instance_id, news in items:
        before = last.get(task_instance_id)
        was = locked.pairs.get(task_instance_id) if before is None else followed(before)
        if was is None or is_foreign(was, news):
            verdicts.append(_without_change(task_instance_id, was, locked))
            continue
        change = decisions.decide(was, news)
        heard.append((change, news))
        places.append(len(verdicts))
        last[task_instance_id] = change
        verdicts.append(verdict(change, news))
    waves = Waves()
    for change in _completed(connection, [change for change, _ in heard]):
        waves.add(change)
    waves.write(connection)
    for at, told in exchange(connection, heard).items():
        change, news = heard[at]
        verdicts[places[at]] = replace(verdict(change, news), exchanged=told)
    return verdicts


def _lock(connection: Connection, items: Sequence[tuple[int, Report]], *, wait: bool) -> locking.LockedMany:
    ids = (task_instance_id for task_instance_id, _ in items)
    starts = not wait and any(news.wanted is TaskInstanceStatus.RUNNING for _, news in items)
    locked = locking.lock_many(connection, ids, assignment=starts, wait=wait)
    if starts:
        add_environments(connection, (was.assignment for was in locked.pairs.values()))
    return locked


def _completed(connection: Connection, changes: Sequence[Change]) -> list[Change]:
    """Return the changes with what the next attempts of failed tasks ask for, and when they may begin."""
    return with_retry_delays(connection, with_resources(connection, changes))


def _without_change(
    task_instance_id: int, was: locking.Locked | None, locked: locking.LockedMany
) -> Verdict | None:
    """Return the verdict on an instance that is foreign or was not found; None for one that was passed over."""
    if was is not None:
        return foreign(was)
    is_passed_over = task_instance_id in locked.passed_over
    return None if is_passed_over else Verdict(Outcome.UNKNOWN, task_instance_id)


def is_foreign(was: locking.Locked, news: Report) -> bool:
    """Tell, from the locked row alone, whether its owner is one whom the reporter does not serve."""
    return news.reach is not None and not news.reach.covers(was.owner, was.owner_group)


def foreign(was: locking.Locked) -> Verdict:
    """Return the verdict on a report about somebody else's instance: nothing is written, the journal included."""
    place = {"array_step_id": was.array_step_id}
    return Verdict(
        Outcome.FENCED,
        was.task_instance_id,
        was.pair.task_instance,
        was.pair.task,
        was.report_by,
        place=place,
        is_foreign=True,
    )


class Waves:
    """Changes in the order given, cut so that each set-based write holds one change of an instance at most."""

    def __init__(self) -> None:
        """Start empty."""
        self._waves: list[list[Change]] = []
        self._depth: dict[int, int] = {}

    def add(self, change: Change) -> None:
        """Take a change into the first wave that has none of its instance."""
        depth = self._depth.get(change.was.task_instance_id, 0)
        if depth == len(self._waves):
            self._waves.append([])
        self._waves[depth].append(change)
        self._depth[change.was.task_instance_id] = depth + 1

    def write(self, connection: Connection) -> None:
        """Write all waves in order."""
        for wave in self._waves:
            write_many(connection, wave)


def verdict(change: Change, news: Report | None = None) -> Verdict:
    """Say what a change means for whoever reported it."""
    has_left = change.was.pair.task in LIVE and change.plan.task not in LIVE
    wanted = None if news is None else news.wanted
    runs = wanted is TaskInstanceStatus.RUNNING and change.plan.task_instance is wanted
    return Verdict(
        change.plan.outcome,
        change.was.task_instance_id,
        change.plan.task_instance,
        change.plan.task,
        change.report_by,
        wanted,
        change.was.assignment if wanted is TaskInstanceStatus.RUNNING else None,
        change.was.workflow_id if has_left else None,
        {"array_step_id": change.was.array_step_id},
        lost_contact=lost_contact_of(change.was, change) if runs else None,
    )
