"""Whether a server can do its work now: its database answers and takes writes, its duties run."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.engine import Connection

from jobmon_server.db.admin import lease
from jobmon_server.db.core import clock
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema import lifecycle
from jobmon_server.errors import CorruptDatabase, Unavailable
from jobmon_server.shared_counters import DUTIES, DUTY_FAILING, DUTY_RESTARTS

#: With less room on its disk SQLite, whose writes failed, does not count as ready: a call may write much more than a row.
LEAST_FREE_BYTES = 2**20
#: The row that is written to find out whether rows can be written again, and who writes it.
_PROBE = "ready"


@dataclass(frozen=True, slots=True)
class TroubledDuty:
    """A duty that fails, since when, by the database's clock; or that had ended, how often, and runs again."""

    name: str
    restarts: int
    failing_since: datetime | None


@dataclass(frozen=True, slots=True)
class Readiness:
    """The schema's revision, and the duties that something was wrong with."""

    revision: str
    duties: list[TroubledDuty]


def readiness(database: Database) -> Readiness:
    """Look at the database and the duties. Raises `Busy` saying why the database cannot be used.

    Nothing is written unless a write failed before: then one row, which tells whether writes succeed again.
    """
    revision = lifecycle.ready(database)
    if database.trouble is not None:
        _try_again(database, database.trouble)
    return Readiness(revision, database.read(_troubled, database))


def _try_again(database: Database, trouble: str) -> None:
    """Forget the trouble that writes had if there is room for more than one row, and that one is written."""
    path = database.engine.url.database
    if database.has_one_writer and path is not None:
        with suppress(OSError):
            disk = os.statvfs(Path(path).parent)
            if disk.f_bavail * disk.f_frsize < LEAST_FREE_BYTES:
                raise Unavailable(trouble)
    try:
        database.transact(_write)
    except CorruptDatabase as error:
        raise Unavailable(error.message) from error
    database.trouble = None


def _write(connection: Connection) -> None:
    lease.acquire(connection, _PROBE, _PROBE, 1.0)


def _troubled(connection: Connection, database: Database) -> list[TroubledDuty]:
    """Return the duties of all processes of this server that are not as they should be."""
    since, restarts = database.tally.total(DUTY_FAILING), database.tally.total(DUTY_RESTARTS)
    found = []
    for name in DUTIES:
        began, times = since[name,][0], int(restarts[name,][0])
        if began or times:
            age = timedelta(seconds=time.monotonic() - began)
            found.append(TroubledDuty(name, times, clock.read_clock(connection) - age if began else None))
    return found
