"""Write the next revision: `python -m jobmon_server.migrations "What changes"`.

`--again` instead of the message writes the last revision anew, for as long as it has not been released.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from jobmon_server.db.core.transaction import Database
from jobmon_server.migrations import configuration, revisions, upgrade_to_head


def write(connection: Connection, message: str) -> None:
    """Bring a scratch database to the last revision, then write what it still lacks as the next one."""
    if message == "--again":
        message = take_back()
    if revisions():
        upgrade_to_head(connection)
    config = configuration()
    config.attributes["connection"] = connection
    command.revision(config, message, autogenerate=True, rev_id=f"{len(revisions()) + 1:04d}")


def take_back() -> str:
    """Delete the last revision's file and return its message."""
    (last, *_) = ScriptDirectory.from_config(configuration()).walk_revisions()
    Path(last.path).unlink()
    return last.doc.rstrip(".")


if __name__ == "__main__":
    with TemporaryDirectory() as directory:
        scratch = Database.connect(f"sqlite:///{directory}/scratch.db", pool_size=1)
        scratch.transact(write, sys.argv[1])
        scratch.dispose()
