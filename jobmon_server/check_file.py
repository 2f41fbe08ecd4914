"""What `db check` found last, kept in a file beside the server's, so that `/metrics` can tell it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from jobmon_client.system.private_files import open_text
from jobmon_server.config import Settings


def _path(settings: Settings) -> Path:
    return settings.server_file.with_suffix(".check")


def write_check(settings: Settings, violations: int) -> None:
    """Remember the number; a directory that cannot be written does not spoil the check."""
    with suppress(OSError), open_text(_path(settings), "w") as file:
        file.write(f"{violations}\n")


def last(settings: Settings) -> tuple[int, float] | None:
    """Return how many violations the last check on this machine found, and its Unix time; None if there was none."""
    path = _path(settings)
    try:
        return int(path.read_text()), path.stat().st_mtime
    except (OSError, ValueError):
        return None
