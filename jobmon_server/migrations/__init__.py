"""Alembic, set up from Python: no alembic.ini.

`python -m jobmon_server.migrations "what changes"` writes the next revision from what `db/schema/tables.py` has and the
revisions so far have not; read it before you commit it, and set `db.schema.HEAD`.
"""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from jobmon_server.db.schema import views


def configuration() -> Config:
    """Return Alembic's configuration, which names this folder."""
    config = Config()
    config.set_main_option("script_location", str(files(__name__)).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def revisions() -> list[str]:
    """Return every revision, newest first."""
    return [script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions()]


def upgrade_to_head(connection: Connection) -> None:
    """Run the revisions that the database has not had, in the caller's transaction; the views are made anew."""
    config = configuration()
    config.attributes["connection"] = connection
    views.drop(connection)
    command.upgrade(config, "head")
    views.make(connection)
