"""Signs of life of many instances: the ordinary ones are extended set-based, the others reported one by one in a batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome
from jobmon_server.actions.reporting import report_types as make
from jobmon_server.actions.reporting.batches import apply_reports
from jobmon_server.actions.reporting.contact import CONTACT_INCREMENTS
from jobmon_server.actions.reporting.transition import Verdict
from jobmon_server.db.core.rows import chunks
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.instances.heartbeats import extend, lock_ordinary
from jobmon_server.errors import Busy
from jobmon_server.principal import Reach


def heartbeats(
    database: Database,
    task_instance_ids: Iterable[int],
    next_report_increment: float,
    reach: Reach | None = None,
    **special: Any,
) -> tuple[int, list[Verdict]]:
    """Take the sign of life of many instances at once; how many were simply extended, and a verdict for each other.

    `special` is what makes it another than the ordinary one: `hold` with `patience`, or `unkillable`. Instances that are
    not within the caller's `reach` are fenced.
    """
    ids = list(dict.fromkeys(task_instance_ids))
    others: list[int] = []
    busy: list[Verdict] = []
    if special:
        others, ids = ids, []
    for some in chunks(ids):
        try:
            others += database.transact(extend_ordinary, some, next_report_increment, reach)
        except Busy:
            busy += [Verdict(Outcome.BUSY, one) for one in some]
    news = make.log_report_by_batch(next_report_increment=next_report_increment, **special)
    news = replace(news, reach=reach)
    verdicts = apply_reports(database, [(one, news) for one in others])
    return max(0, len(ids) - len(others) - len(busy)), [*verdicts, *busy]


def extend_ordinary(
    connection: Connection, ids: Sequence[int], increment: float, reach: Reach | None = None
) -> list[int]:
    """Extend those deadlines that a heartbeat only extends; return the other ids, untouched, in the order given."""
    ordinary, now = lock_ordinary(connection, ids, reach)
    if now is not None:
        extend(connection, ordinary, now, increment, CONTACT_INCREMENTS * increment)
    done = set(ordinary)
    return [one for one in ids if one not in done]
