"""What is refused unless it is meant: packing tables while many instances live, wiping more than a trifle."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from jobmon_server.db.admin import maintenance
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.workflows import workflow_removal
from jobmon_server.errors import Refused


def optimize(database: Database, max_live: int, *, force: bool) -> list[str]:
    """Pack the tables anew; return the statements. Raises `Refused` while more than `max_live` instances live."""
    live = database.read(maintenance.count_live)
    if live > max_live and not force:
        raise Refused(f"{live} instances live, more than {max_live}: try again later, or say --force.")
    return database.outside(maintenance.optimize)


def reset(connection: Connection, max_limit: int, *, force: bool) -> dict[str, int]:
    """Delete every row, in one transaction; return how many of each table.

    Raises `Refused`, and deletes nothing, where there are more than `max_limit` workflows or something lives.
    """
    workflows = workflow_removal.count(connection)
    if workflows > max_limit:
        raise Refused(
            f"There are {workflows} workflows, more than --max-limit {max_limit}; nothing was deleted."
        )
    live = maintenance.count_live(connection) + maintenance.count_live_runs(connection)
    if live and not force:
        raise Refused(
            f"{live} instances and runs live; nothing was deleted. Stop them first, or say --force."
        )
    return maintenance.wipe(connection)
