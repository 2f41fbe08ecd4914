"""What is refused unless it is meant: packing tables while many instances live, wiping more than a trifle."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from jobmon_server.db import removing, upkeep
from jobmon_server.db.transaction import Database
from jobmon_server.errors import Refused


def optimize(database: Database, max_live: int, *, force: bool) -> list[str]:
    """Pack the tables anew; return the statements. Raises `Refused` while more than `max_live` instances live."""
    live = database.read(upkeep.count_live)
    if live > max_live and not force:
        raise Refused(f"{live} instances live, more than {max_live}: try again later, or say --force.")
    return database.outside(upkeep.optimize)


def reset(connection: Connection, max_limit: int, *, force: bool) -> dict[str, int]:
    """Delete every row, in one transaction; return how many of each table.

    Raises `Refused`, and deletes nothing, where there are more than `max_limit` workflows or something lives.
    """
    workflows = removing.count(connection)
    if workflows > max_limit:
        raise Refused(
            f"There are {workflows} workflows, more than --max-limit {max_limit}; nothing was deleted."
        )
    live = upkeep.count_live(connection) + upkeep.count_live_runs(connection)
    if live and not force:
        raise Refused(
            f"{live} instances and runs live; nothing was deleted. Stop them first, or say --force."
        )
    return upkeep.wipe(connection)
