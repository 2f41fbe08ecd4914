"""What a transaction did, kept beside it until its commit: only then is it counted."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from jobmon_server.shared_counters import CommittedMove

_KEY = "jobmon_noted"


def begin(connection: Connection) -> list[CommittedMove]:
    """Start with nothing done; a transaction that is run again starts so each time."""
    noted: list[CommittedMove] = []
    connection.info[_KEY] = noted
    return noted


def count_after_commit(connection: Connection, *facts: CommittedMove) -> None:
    """Keep what is being written; outside a transaction of `Database` nobody will count it."""
    noted = connection.info.get(_KEY)
    if noted is not None:
        noted.extend(facts)
