"""Whether what attempts used has been accounted for: what the accounting says, for nobody here decides by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from jobmon_client.states import AccountingStatus, Outcome
from jobmon_server.db.core import clock
from jobmon_server.db.core.partial_update import patch_many
from jobmon_server.db.core.rows import chunks
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables import task_instance
from jobmon_server.db.workflows.task_locks import lock_rows
from jobmon_server.errors import Busy
from jobmon_server.principal import Reach

Wanted = Mapping[int, AccountingStatus]


@dataclass(frozen=True, slots=True)
class AccountingVerdict:
    """What became of the accounting of one attempt; an unknown one has none."""

    task_instance_id: int
    outcome: Outcome
    accounting: AccountingStatus | None = None


def set_accounting(database: Database, wanted: Wanted, reach: Reach | None = None) -> list[AccountingVerdict]:
    """Set the accounting of many attempts, in bounded transactions; a verdict each, in the order given.

    Attempts that are not within the caller's `reach` are fenced.
    """
    verdicts: list[AccountingVerdict] = []
    for batch in chunks(list(wanted)):
        some = {one: wanted[one] for one in batch}
        try:
            verdicts += database.transact(set_some, some, reach)
        except Busy:
            verdicts += [AccountingVerdict(one, Outcome.BUSY) for one in batch]
    return verdicts


def set_some(connection: Connection, wanted: Wanted, reach: Reach | None = None) -> list[AccountingVerdict]:
    """Set the accounting of these attempts, locked by id; it is in no table of statuses, and any may follow any."""
    whose = (task_instance.c.owner, task_instance.c.owner_group)
    columns = (task_instance.c.id, task_instance.c.accounting, clock.now().label("now"), *whose)
    rows = lock_rows(connection, columns, task_instance, wanted)
    was: Wanted = {row.id: row.accounting for row in rows}
    foreign = {row.id for row in rows if reach is not None and not reach.covers(row.owner, row.owner_group)}
    now = max((row.now for row in rows), default=None)
    patch_many(
        connection,
        task_instance,
        {
            one: {"accounting": status, "updated_at": now}
            for one, status in wanted.items()
            if one not in foreign and was.get(one, status) is not status
        },
    )
    return [
        AccountingVerdict(one, Outcome.FENCED, was[one]) if one in foreign else _verdict(one, status, was)
        for one, status in wanted.items()
    ]


def _verdict(one: int, status: AccountingStatus, was: Wanted) -> AccountingVerdict:
    if one not in was:
        return AccountingVerdict(one, Outcome.UNKNOWN)
    outcome = Outcome.DUPLICATE if was[one] is status else Outcome.APPLIED
    return AccountingVerdict(one, outcome, status)
