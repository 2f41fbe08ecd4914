"""Acts that take more than one transaction: batches cut to size, and the settles after them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jobmon_client.states import Outcome, Reporter
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_server.actions import reports as make
from jobmon_server.actions.report import Verdict, claim, claim_next, report_many
from jobmon_server.actions.reports import Report
from jobmon_server.actions.settle import settle_if_over
from jobmon_server.db import reads
from jobmon_server.db.pairs import BATCH
from jobmon_server.db.transaction import Database
from jobmon_server.errors import Busy
from jobmon_server.fsm.plan import By

Item = tuple[int, Report]


def perform_many(database: Database, items: Sequence[Item]) -> list[Verdict]:
    """Apply many reports, each with its own outcome, in transactions of bounded size; verdicts in the order given."""
    verdicts = [verdict for some in _pieces(items) for verdict in _report(database, some)]
    settle_if_over(database, (verdict.left_workflow_id for verdict in verdicts))
    return verdicts


def _report(database: Database, items: Sequence[Item]) -> list[Verdict]:
    """Apply a piece, then what it passed over, each instance in a transaction of its own."""
    try:
        verdicts = database.transact(report_many, items)
    except Busy:
        return [Verdict(Outcome.BUSY, task_instance_id) for task_instance_id, _ in items]
    alone: defaultdict[int, list[Item]] = defaultdict(list)
    for item, verdict in zip(items, verdicts, strict=True):
        if verdict is None:
            alone[item[0]].append(item)
    late = {one: iter(_report(database, its_items)) for one, its_items in alone.items()}
    return [
        next(late[item[0]]) if verdict is None else verdict
        for item, verdict in zip(items, verdicts, strict=True)
    ]


def _pieces(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Cut so that no piece has more than a batch of distinct instances, in the order given."""
    start, ids = 0, set[int]()
    for end, (task_instance_id, _) in enumerate(items):
        if len(ids) == BATCH and task_instance_id not in ids:
            yield items[start:end]
            start, ids = end, set()
        ids.add(task_instance_id)
    if start < len(items):
        yield items[start:]


def launched(
    database: Database,
    array_id: int,
    batch_num: int,
    distributor_ids: Mapping[int, str],
    next_report_increment: float,
) -> list[Verdict]:
    """Record the launch of steps of an array batch. Raises `Unknown` for an array or a batch that is none."""
    steps = sorted(distributor_ids)
    found = database.read(reads.find_batch_steps, array_id, batch_num, steps)
    items = [
        (
            found[step],
            make.log_launched(
                distributor_id=distributor_ids[step], next_report_increment=next_report_increment
            ),
        )
        for step in steps
        if step in found
    ]
    missing = [
        Verdict(Outcome.UNKNOWN, 0, place={"array_step_id": step}) for step in steps if step not in found
    ]
    return [*perform_many(database, items), *missing]


def instantiate(
    database: Database,
    distributor: str,
    next_report_increment: float,
    *,
    task_instance_ids: Sequence[int] | None = None,
    cluster: str | None = None,
    limit: int = 0,
    detail: bool = False,
    **narrowed: int | None,
) -> tuple[list[dict[str, Any]], list[Verdict]]:
    """Claim instances for a distributor, by id or the next of a cluster; return their batches and the verdicts.

    `workflow_id` and `array_id` narrow a claim by cluster.
    """
    facts = {"distributor": distributor}
    news = Report(TI.INSTANTIATED, By(Reporter.DISTRIBUTOR), next_report_increment, facts)
    verdicts: list[Verdict] = []
    if task_instance_ids is not None:
        ids = list(dict.fromkeys(task_instance_ids))
        for start in range(0, len(ids), BATCH):
            given, passed_over = database.transact(claim, news, distributor, ids[start : start + BATCH])
            verdicts += given
            for one in passed_over:
                verdicts += database.transact(claim, news, distributor, [one])[0]
    elif cluster is not None:
        verdicts = list(_claim_up_to(database, news, distributor, cluster, limit, **narrowed))
    held = [one.task_instance_id for one in verdicts if one.outcome in {Outcome.APPLIED, Outcome.DUPLICATE}]
    return database.read(reads.read_batches, held, detail=detail) if held else [], verdicts


def _claim_up_to(
    database: Database, news: Report, distributor: str, cluster: str, limit: int, **narrowed: int | None
) -> Iterator[Verdict]:
    left = limit
    while left > 0:
        size = min(BATCH, left)
        given = database.transact(claim_next, news, distributor, cluster, size, **narrowed)
        yield from given
        left -= len(given)
        if len(given) < size:
            return
