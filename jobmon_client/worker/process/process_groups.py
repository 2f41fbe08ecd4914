"""The process groups of running commands, on disk: a later agent on this machine finds and ends what a dead one left.

One file a worker, which holds a lock on it. A line is a start (`+ pid start instance`) or an end (`- pid`); the first names the
boot of the machine. A pid is used again, a pid with its start time is not. Nothing is synced: what the file is for does
not survive the machine. Linux only (/proc).
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

import structlog

from jobmon_client.system.private_files import make_directory, open_text

log = structlog.get_logger(__name__)

SUFFIX = ".groups"
MOST_LINES = 10_000
SHORT = 4096
MARK = b"JOBMON_TASK_INSTANCE_ID="


class Groups:
    """The file of one worker."""

    def __init__(self, directory: Path, worker_id: str) -> None:
        """Make the file."""
        make_directory(directory)
        self._path = directory / f"{worker_id}{SUFFIX}"
        self._running: dict[int, str] = {}
        self._file = self._make()

    def _make(self) -> TextIO:
        """Write what runs now; the file has its name only when it is locked and whole."""
        fresh = self._path.with_suffix(".new")
        file = open_text(fresh, "w", encoding="ascii", buffering=1)
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(f"{boot()}\n" + "".join(self._running.values()))
        fresh.rename(self._path)
        self._lines = len(self._running)
        return file

    def started(self, pid: int, task_instance_id: int) -> None:
        """This group runs for this instance; its leader has not been collected."""
        self._running[pid] = f"+ {pid} {start_of(pid)} {task_instance_id}\n"
        self._append(self._running[pid])

    def ended(self, pid: int) -> None:
        """Nothing of this group is left."""
        self._running.pop(pid, None)
        self._append(f"- {pid}\n")

    def _append(self, line: str) -> None:
        try:
            self._file.write(line)
            self._lines += 1
            if self._lines > MOST_LINES + len(self._running):
                old, self._file = self._file, self._make()
                old.close()
        except OSError:  # a full disk, say; the guardian still knows
            log.exception("groups_not_written")

    def close(self) -> None:
        """Every command has ended: remove the file."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
            self._file.close()


EndAttempts = Callable[[Collection[str]], int]


def sweep(directory: Path, end_attempts: EndAttempts = lambda _left: 0) -> int:
    """Kill what workers of this machine that are gone left running; return how many processes there were.

    `end_attempts` ends what instances have left outside of their process groups, and says how much that was.
    """
    return sum(_sweep(path, end_attempts) for path in sorted(directory.glob(f"*{SUFFIX}")))


def _sweep(path: Path, end_attempts: EndAttempts) -> int:
    with _taken(path) as file:
        if file is None:
            return 0
        lines = file.read().splitlines()
        killed = 0
        if lines and lines[0] == boot():
            groups = left(lines[1:])
            killed = sum(_end(*one) for one in groups)
            killed += end_attempts([instance for _pid, _start, instance in groups])
        path.unlink(missing_ok=True)
        return killed


@contextmanager
def _taken(path: Path) -> Iterator[TextIO | None]:
    """Yield the file if its worker is gone, locked."""
    try:
        file = path.open(encoding="ascii", errors="replace")
    except OSError:  # somebody else was quicker
        yield None
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield file


def left(lines: list[str]) -> list[tuple[int, str, str]]:
    """Return pid, start time and instance of each start that no end follows; a torn line counts for nothing."""
    found: dict[int, tuple[int, str, str]] = {}
    for line in lines:
        match line.split():
            case ["+", pid, start, instance] if pid.isdecimal() and instance.isdecimal():
                found[int(pid)] = (int(pid), start, instance)
            case ["-", pid] if pid.isdecimal():
                found.pop(int(pid), None)
    return list(found.values())


def _end(pid: int, start: str, instance: str) -> int:
    """Kill a group: whole if its leader is still the one, else those members that say they belong to the instance."""
    leader_lives = start_of(pid) == start
    killed = 0
    for member in _members(pid):
        if leader_lives or instance_of(member) == instance:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(member, signal.SIGKILL)
                killed += 1
    return killed


def _members(group: int) -> Iterator[int]:
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            fields = stat(int(entry.name))
            if fields and int(fields[2]) == group and fields[0] not in {b"Z", b"X"}:
                yield int(entry.name)


def start_of(pid: int) -> str:
    """Return when a process began, in ticks since the machine booted; "" if it is gone."""
    fields = stat(pid)
    return fields[19].decode("ascii") if fields else ""


def stat(pid: int) -> list[bytes]:
    """Return what /proc says of a process after its name: state, parent, group, …"""
    try:
        text = read_short(f"/proc/{pid}/stat")
    except OSError:
        return []
    return text[text.rindex(b")") + 1 :].split()


def read_short(path: str) -> bytes:
    """Return what a file of less than a page holds, by three system calls; raise OSError."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, SHORT)
    finally:
        os.close(file)


def instance_of(pid: int) -> str | None:
    """Return the task instance that a process began for, by its environment."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    return next((one[len(MARK) :].decode() for one in variables if one.startswith(MARK)), None)


def boot() -> str:
    """Return the name of this boot of the machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"
