"""Where it is measured: an empty database that the user names in full, left as it was found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.engine import URL, Connection, make_url

from jobmon_server.bench.deferred_signals import deferred_signals
from jobmon_server.config import SQLITE
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema import lifecycle
from jobmon_server.db.schema.tables_control import token
from jobmon_server.db.schema.tables_workflow import workflow
from jobmon_server.errors import Refused

#: What SQLite and a server put beside the file.
BESIDE = ("", "-wal", "-shm", ".server")


@contextmanager
def empty_database(url: str, name: str) -> Iterator[None]:
    """Make the schema in an empty database, and take it out again when the block ends.

    Raises Refused, and changes nothing, where anything is there already. Nothing is taken out, and Refused says so, where
    others used it meanwhile: where there is a workflow of another name.
    """
    parsed = make_url(url)
    files = _new_files(url) if parsed.get_backend_name() == "sqlite" else []
    if not files and not parsed.database:
        raise Refused("Name the database too: mysql+pymysql://user:password@host/DATABASE, an empty one.")
    is_ours = False
    try:
        with deferred_signals():
            with lifecycle.usable(parsed) as database:
                lifecycle.create_in_empty(database.engine)
            is_ours = True
        yield
    finally:
        if is_ours:
            _take_out(parsed, files, name)


def _new_files(url: str) -> list[Path]:
    """Return the files that SQLite and a server will make; raise Refused where one of them is there."""
    path = url.removeprefix(SQLITE).partition("?")[0]
    if not url.startswith(SQLITE) or path in {"", ":memory:"}:
        raise Refused(f"Name a file that is not there yet: {SQLITE}/absolute/path.db.")
    files = [Path(path + end).absolute() for end in BESIDE]
    if there := [file for file in files if file.exists()]:
        raise Refused(f"{there[0]} is there already; name a file that is not. Nothing was changed.")
    return files


def _take_out(url: URL, files: list[Path], name: str) -> None:
    with deferred_signals():
        with lifecycle.usable(url) as database:
            _drop(database, name)
        for file in files:
            file.unlink(missing_ok=True)


def _drop(database: Database, name: str) -> None:
    if strange := database.read(_of_others, name):
        raise Refused(
            f"Somebody else has used the database meanwhile ({strange} workflows and tokens): nothing is dropped."
        )
    lifecycle.drop_all(database.engine)


def _of_others(connection: Connection, name: str) -> int:
    """Count what the bench did not make."""
    bound = select(func.count()).select_from(workflow).where(workflow.c.name != name)
    made = select(func.count()).select_from(token)
    return sum(int(connection.execute(statement).scalar_one()) for statement in (bound, made))
