"""Files of a spool, read line by line: what is no report costs itself alone, and is set aside in a file beside it."""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import structlog

from jobmon_client.system.private_files import open_descriptor, refuse_other_names

log = structlog.get_logger(__name__)

#: The reports that say how a command ended: what nobody but its worker knows.
ENDS = frozenset({"log_done", "log_error_worker_node"})
REPORTS, SET_ASIDE = ".jsonl", ".bad"


@dataclass(slots=True)
class SpoolContent:
    """What a file holds: its reports, and the lines that are none, as they are."""

    reports: list[Mapping[str, Any]] = field(default_factory=list)
    unreadable: list[bytes] = field(default_factory=list)


def opened(path: Path, flags: int = os.O_RDONLY) -> BinaryIO | None:
    """Open a regular file, and nothing else: no link is followed, no pipe is waited for; None, told in the log, if it is none.

    A file that has another name too is not ours either: `refuse_other_names`.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:  # its owner, or who took it over, has just removed it
        return None
    except OSError as error:
        log.warning("spool_file_not_opened", path=str(path), error=str(error))
        return None
    if problem := _foreign(path, os.fstat(descriptor)):
        os.close(descriptor)
        log.warning("spool_file_not_opened", path=str(path), error=problem)
        return None
    return os.fdopen(descriptor, "r+b" if flags & os.O_RDWR else "rb")


def _foreign(path: Path, known: os.stat_result) -> str | None:
    """Say why this is no spool file; None if it may be one."""
    if not stat.S_ISREG(known.st_mode):
        return "no regular file"
    try:
        refuse_other_names(path, known)
    except OSError as error:
        return error.strerror
    return None


def content(file: BinaryIO) -> SpoolContent:
    """Read a file; raises OSError."""
    found = SpoolContent()
    for line in file:
        report = _report(line)
        if report is not None:
            found.reports.append(report)
        elif line.strip():
            found.unreadable.append(line)
    return found


def _report(line: bytes) -> Mapping[str, Any] | None:
    """Return the report of a line; None for one that is torn, or was never a report."""
    try:
        found = json.loads(line.decode(), parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        return None
    if type(found) is not dict or type(found.get("task_instance_id")) is not int:
        return None
    return found if type(found.get("report")) is str and found["report"] in ENDS else None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def set_aside(path: Path, lines: list[bytes]) -> None:
    """See that the lines of a spool file that are no reports are in the file beside it; raises OSError."""
    aside = path.with_suffix(SET_ASIDE)
    with os.fdopen(open_descriptor(aside, os.O_RDWR | os.O_APPEND | os.O_CREAT), "r+b") as file:
        known = set(file.read().splitlines())
        fresh = [line.rstrip(b"\n") for line in lines if line.rstrip(b"\n") not in known]
        file.writelines(line + b"\n" for line in fresh)
        file.flush()
        os.fsync(file.fileno())
    log.warning("spool_lines_set_aside", path=str(path), lines=len(lines), set_aside=str(aside))


def unreadable(directory: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files of a spool that hold what is no report, and what is wrong with each."""
    for path in sorted(directory.glob(f"*{SET_ASIDE}")):
        yield path, "set aside: it holds lines that are no reports"
    for path in sorted(directory.glob(f"*{REPORTS}")):
        if problem := _problem(path):
            yield path, problem


def _problem(path: Path) -> str | None:
    """Say why not all of a file can be read; None if it can, or is gone."""
    try:
        if foreign := _foreign(path, path.lstat()):
            return f"{foreign}: it is not opened"
        file = opened(path)
        if file is None:
            return "cannot be opened" if path.exists() else None
        with file:
            lines = len(content(file).unreadable)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return f"{lines} line(s) that are no reports: they will be set aside" if lines else None
