"""The database's URL, checked before anything is opened."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobmon_server.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

SCHEMES = ("sqlite", "mysql+pymysql", "mariadb+pymysql")


def database_url(value: Any) -> str:
    """Return a URL that a server can use.

    Raises:
        ValueError: it is no database URL of ours.
        ConfigurationError: it is a SQLite database in memory.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - one kind of error for every wrong value
    try:
        parsed = make_url(value)
    except ArgumentError:
        raise ValueError from None
    if value.partition(":")[0] not in SCHEMES:
        raise ValueError
    if parsed.get_backend_name() == "sqlite" and _is_in_memory(parsed):
        raise ConfigurationError(
            "database_url: a SQLite database in memory cannot be served, as every thread and process would have one of"
            " its own; name a file, as in sqlite:////var/lib/jobmon/jobmon.db."
        )
    return value


database_url.__doc__ = f"a database URL of the form {', '.join(f'{scheme}://…' for scheme in SCHEMES)}"


def _is_in_memory(url: URL) -> bool:
    """Tell whether SQLite makes a database in memory, or an unnamed one that is gone with its connection."""
    name, _, asked = (url.database or "").partition("?")
    path = name.removeprefix("file:").strip().lower()
    asked = f"{asked}&{'&'.join(f'{key}={given}' for key, given in url.query.items())}".lower()
    return path.strip("/") in {"", ":memory:"} or "mode=memory" in asked or "vfs=memdb" in asked


def refuse_hard_links(file: Path) -> None:
    """Refuse a SQLite file that has another name too: to each name belong a lock and a journal of its own.

    Raises:
        ConfigurationError: it has several names.
    """
    names = 1
    with suppress(OSError):  # it is yet to be made, or SQLite will say what is wrong
        names = file.stat().st_nlink
    if names > 1:
        raise ConfigurationError(
            f"database_url: {file} has {names} names (hard links), and SQLite spoils a database that is opened by two of"
            " them; remove the others, or copy the file."
        )
