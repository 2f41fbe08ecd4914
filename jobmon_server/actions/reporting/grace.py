"""After an outage of servers or database: what could not be kept alive meanwhile gets its time again, before anything is reaped."""

from __future__ import annotations

from jobmon_server.db.admin import lease
from jobmon_server.db.admin.lease import Lead
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.instances import grace


def give_grace(database: Database, name: str, lead: Lead) -> int:
    """Move the deadlines of live instances and runs to their last increment from now; return how many.

    In transactions of bounded size; one that was interrupted is begun again by whoever leads then. Nothing is done unless the
    leader is back after longer than a term.
    """
    if lead.back_at is None:
        return 0
    given = 0
    for table, index in grace.TABLES:
        last = None
        while some := database.read(grace.find, table, index, lead.back_at, last):
            given += database.transact(grace.give, table, sorted(one.id for one in some), lead.led_seconds)
            last = some[-1]
    database.transact(lease.settle_return, name, lead.back_at)
    return given
