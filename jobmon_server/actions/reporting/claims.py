"""A distributor claims instances, and says later what the cluster calls them: mostly many that stand alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome, Reporter, TaskStatus
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_server.actions.reporting import report_types as make
from jobmon_server.actions.reporting.batches import apply_reports
from jobmon_server.actions.reporting.decision import decide, decide_claim
from jobmon_server.actions.reporting.report_types import Report
from jobmon_server.actions.reporting.transition import Verdict, foreign, is_foreign, verdict
from jobmon_server.db.core.rows import BATCH, chunks
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.instances import claims, lock_by_status, locking
from jobmon_server.db.instances.lock_by_status import LockedQueued
from jobmon_server.db.instances.uniform_writes import typical, write_alike
from jobmon_server.db.instances.writes import write_many
from jobmon_server.errors import Busy
from jobmon_server.fsm.plan import By, Pair
from jobmon_server.principal import Reach

_HELD = frozenset({Outcome.APPLIED, Outcome.DUPLICATE})


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """The batches of what a distributor holds now, and a verdict for each instance of which there is more to tell."""

    batches: list[dict[str, Any]]
    verdicts: list[Verdict]


def instantiate(
    database: Database,
    distributor: str,
    next_report_increment: float,
    *,
    task_instance_ids: Sequence[int] | None = None,
    detail: bool = False,
    reach: Reach | None = None,
    **wanted: Any,
) -> ClaimResult:
    """Claim instances for a distributor: these, or the next `limit` of a `cluster`, of a workflow or an array if told.

    Of instances that are not within the caller's `reach` those that are named are fenced, others are passed over.
    """
    facts = {"distributor": distributor}
    news = Report(TI.INSTANTIATED, By(Reporter.DISTRIBUTOR), next_report_increment, facts, reach=reach)
    waited: list[LockedQueued] = []
    verdicts: list[Verdict] = []
    if task_instance_ids is not None:
        for some in chunks(list(dict.fromkeys(task_instance_ids))):
            given, passed_over = database.transact(claim, news, distributor, some)
            verdicts += given
            for one in passed_over:
                verdicts += database.transact(claim, news, distributor, [one])[0]
    else:
        waited, verdicts = _claim_up_to(database, news, distributor, **wanted)
    held = [one.task_instance_id for one in verdicts if one.outcome in _HELD]
    if not (waited or held):
        return ClaimResult([], verdicts)
    return ClaimResult(database.read(claims.read_batches, waited, held, detail=detail), verdicts)


def claim(
    connection: Connection, news: Report, distributor: str, task_instance_ids: Sequence[int]
) -> tuple[list[Verdict], Sequence[int]]:
    """Give the named instances to a distributor; what another holds is fenced. Also those passed over: claim each alone."""
    locked = locking.lock_many(connection, task_instance_ids)
    known = {*locked.pairs, *locked.passed_over}
    unknown = [Verdict(Outcome.UNKNOWN, one) for one in task_instance_ids if one not in known]
    return [*_give(connection, news, distributor, locked.pairs), *unknown], locked.passed_over


def _give(
    connection: Connection, news: Report, distributor: str, locked: Mapping[int, locking.Locked]
) -> list[Verdict]:
    others = [was for was in locked.values() if is_foreign(was, news)]
    changes = [decide_claim(was, news, distributor) for was in locked.values() if not is_foreign(was, news)]
    write_many(connection, changes)
    return [*(verdict(change, news) for change in changes), *map(foreign, others)]


def _claim_up_to(
    database: Database, news: Report, distributor: str, *, cluster: str, limit: int, **narrowed: int | None
) -> tuple[list[LockedQueued], list[Verdict]]:
    waited: list[LockedQueued] = []
    verdicts: list[Verdict] = []
    while (left := limit - len(waited) - len(verdicts)) > 0:
        size = min(BATCH, left)
        given, others = database.transact(claim_next, news, distributor, cluster, size, **narrowed)
        waited += given
        verdicts += others
        if len(given) + len(others) < size:
            break
    return waited, verdicts


def claim_next(
    connection: Connection,
    /,
    news: Report,
    distributor: str,
    cluster: str,
    limit: int,
    **narrowed: int | None,
) -> tuple[list[LockedQueued], list[Verdict]]:
    """Give a distributor the next instances that wait for its cluster: by priority, then the oldest.

    `workflow_id` and `array_id` narrow it to those of one workflow, of one array. Returns those that it has, and the
    verdicts on any that do not stand as what waits does.
    """
    found = lock_by_status.claimable(connection, cluster, limit, reach=news.reach, **narrowed)
    free = [one for one in found if one.distributor is None]
    ready = lock_by_status.with_tasks(connection, free, TaskStatus.QUEUED)
    if ready:
        was = typical(Pair(TI.QUEUED, TaskStatus.QUEUED), max(one.now for one in ready))
        write_alike(connection, decide_claim(was, news, distributor), ready)
    others = {one.id for one in found}.difference([one.id for one in ready])
    # Waits for none: these instances are locked already.
    locked = locking.lock_many(connection, others, wait=False)
    return ready, _give(connection, news, distributor, locked.pairs)


def launched(
    database: Database,
    array_id: int,
    batch_num: int,
    distributor_ids: Mapping[int, str],
    next_report_increment: float,
    reach: Reach | None = None,
) -> tuple[int, list[Verdict]]:
    """Record the launch of steps of an array batch; how many simply were, and a verdict on each other.

    Steps that are not within the caller's `reach` are fenced. Raises `Unknown` for an array or a batch that is none.
    """
    steps = sorted(distributor_ids)
    found = database.read(claims.find_batch_steps, array_id, batch_num, steps)
    named = {found[step]: distributor_ids[step] for step in steps if step in found}
    others: list[int] = []
    busy: list[Verdict] = []
    for some in chunks(sorted(named)):
        try:
            others += database.transact(
                launch_alike, {one: named[one] for one in some}, next_report_increment, reach
            )
        except Busy:
            busy += [Verdict(Outcome.BUSY, one) for one in some]
    items = [(one, replace(_launch(named[one], next_report_increment), reach=reach)) for one in others]
    missing = [
        Verdict(Outcome.UNKNOWN, 0, place={"array_step_id": step}) for step in steps if step not in found
    ]
    return len(named) - len(others) - len(busy), [*apply_reports(database, items), *busy, *missing]


def _launch(distributor_id: str, increment: float) -> Report:
    return make.log_launched(distributor_id=distributor_id, next_report_increment=increment)


def launch_alike(
    connection: Connection, named: Mapping[int, str], increment: float, reach: Reach | None = None
) -> list[int]:
    """Launch those of these instances that are claimed, and so are their tasks; return the others, untouched."""
    found = lock_by_status.lock_instances_in(connection, list(named), TI.INSTANTIATED, reach)
    ready = lock_by_status.with_tasks(connection, found, TaskStatus.INSTANTIATING)
    if ready:
        was = typical(Pair(TI.INSTANTIATED, TaskStatus.INSTANTIATING), max(one.now for one in ready))
        change = decide(was, _launch(named[ready[0].id], increment))
        write_alike(connection, change, ready, ("distributor_id", named))
    done = {one.id for one in ready}
    return [one for one in named if one not in done]
