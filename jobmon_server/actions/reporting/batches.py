"""Acts that take more than one transaction: batches cut to size, and the settles after them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from jobmon_client.states import Outcome
from jobmon_server.actions.reporting.report_types import Report
from jobmon_server.actions.reporting.transition import Verdict, report_many
from jobmon_server.actions.workflow.settle import settle_if_over
from jobmon_server.db.core.rows import BATCH
from jobmon_server.db.core.transaction import Database
from jobmon_server.errors import Busy

Item = tuple[int, Report]


def apply_reports(database: Database, items: Sequence[Item]) -> list[Verdict]:
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
