"""Directories that we write to: made, tried, and explained where that fails, with the setting that names another."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path

from jobmon_client.config import Settings
from jobmon_client.errors import BadSetting
from jobmon_client.system.private_files import make_directory, open_bytes

PROBE = bytes(4096)
NO_DIRECTORY = "the current directory does not exist any more: change to one that does"
ADVICE = {
    "data_dir": "set data_dir (JOBMON_DATA_DIR, or XDG_DATA_HOME) to a directory that can be written",
    "log_dir": "set log_dir (JOBMON_LOG_DIR) to a directory that can be written",
    "database_url": "set database_url (JOBMON_DATABASE_URL) to a file in a directory that can be written",
}


def make(directory: Path, setting: str) -> None:
    """Make a directory of ours, for this user alone; raise BadSetting that names it and the setting."""
    try:
        make_directory(directory)
    except OSError as error:
        raise BadSetting(_sentence(directory, error, setting)) from error


def try_writing(directory: Path, setting: str) -> None:
    """Make a directory, and see whether a page can be written there; raise BadSetting."""
    make(directory, setting)
    probe = directory / f".jobmon-{uuid.uuid4().hex}"
    try:
        try:
            with open_bytes(probe, "w") as file:
                file.write(PROBE)
        finally:
            with suppress(OSError):
                probe.unlink(missing_ok=True)
    except OSError as error:
        raise BadSetting(_sentence(directory, error, setting)) from error


def describe(error: OSError, settings: Settings | None = None) -> str:
    """Return one sentence for an error of the system: the path, what is wrong, and the setting that names another place."""
    if has_no_directory():
        return NO_DIRECTORY
    said = error.strerror or str(error)
    if error.filename is None:
        return said
    path = Path(os.fsdecode(error.filename))
    if settings is not None:
        for setting in ("log_dir", "data_dir"):
            if path.is_relative_to(getattr(settings, setting)):
                return _sentence(path, error, setting)
    return f"{path}: {said}"


def has_no_directory() -> bool:
    """Whether the current directory was deleted."""
    try:
        Path.cwd()
    except OSError:
        return True
    return False


def _sentence(path: Path, error: OSError, setting: str) -> str:
    return f"{path} cannot be used: {error.strerror or error}; {ADVICE[setting]}"
