"""One command: started, signalled and collected as a process group. Linux only (pidfd, /proc).

The log files are handed to the command itself: its output is byte-exact, costs us nothing, and outlives us.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from jobmon_client.system.private_files import FILE_MODE, make_directory, open_bytes
from jobmon_client.worker.process.items import LogFiles
from jobmon_client.worker.process.process_groups import read_short

# Python ignores SIGPIPE and SIGXFSZ, the agent SIGINT; an ignored signal would stay ignored in the command.
DEFAULTED = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
OUTPUT = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
UNWATCHED = -1

Environment = Mapping[str, str] | Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended: `exit_code`, or the number of the signal that ended it; `usage` in seconds and bytes.

    `max_rss_bytes` is that of the largest of its processes, and never less than our own size: the kernel counts the
    moment before exec too.
    """

    exit_code: int | None
    signal: int | None
    usage: Mapping[str, float]


class Process:
    """A running `/bin/sh -c --` on exactly the text given, the leader of its own process group.

    A text that the kernel does not take as an argument (128 KiB and more) is run from a file, as `/bin/sh FILE`.
    """

    def __init__(
        self, command: str, environment: Environment, files: LogFiles, open_files: int | None = None
    ) -> None:
        """Start it; raise OSError or ValueError if the system does not take the command or the files.

        `open_files` is the soft limit of open files that it gets, None for ours.
        """
        try:
            self.pid, self._script = spawned(command, environment, files)
        except FileNotFoundError:  # the first of its workflow: there is no directory yet
            make_directory(files.stdout.parent)
            self.pid, self._script = spawned(command, environment, files)
        self._began = time.monotonic()
        self._is_collected = False
        if open_files is not None:
            limit_open_files(self.pid, open_files)
        try:
            self.pidfd = os.pidfd_open(self.pid)
        except OSError:  # out of descriptors: it runs, and whoever waits for it has to ask
            self.pidfd = UNWATCHED

    @property
    def wall_seconds(self) -> float:
        """How long ago it was started."""
        return time.monotonic() - self._began

    def exited(self) -> bool:
        """Return whether the leader has ended, collected or not."""
        return (
            self._is_collected
            or os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
        )

    def signal_group(self, number: int) -> bool:
        """Signal every process of the group, while its leader is not collected; return whether there was one."""
        if self._is_collected:  # the number may be a stranger's by now
            return False
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return False
        except PermissionError:  # only members that are not ours any more (setuid) are left
            return False
        return True

    def remove_script(self) -> None:
        """Remove the file that it was run from, if there is one: nothing of it is left that could read on."""
        if self._script is not None:
            with suppress(OSError):
                self._script.unlink(missing_ok=True)

    def collect(self, *, spare_group: bool = False) -> Ended:
        """Collect the leader, waiting for it; what it left behind in its group is killed unless it is to be spared."""
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        if not spare_group:
            # The zombie still holds the group's number, so this cannot reach a stranger.
            self.signal_group(signal.SIGKILL)
        moved = io_bytes(self.pid)
        _, status, used = os.wait4(self.pid, 0)
        self._is_collected = True
        if self.pidfd != UNWATCHED:
            os.close(self.pidfd)
        code = os.waitstatus_to_exitcode(status)
        usage = {
            "wall_seconds": round(self.wall_seconds, 6),
            "cpu_seconds": round(used.ru_utime + used.ru_stime, 6),
            "max_rss_bytes": used.ru_maxrss * 1024,
            **moved,
        }
        return Ended(code if code >= 0 else None, -code if code < 0 else None, usage)


def spawned(command: str, environment: Environment, files: LogFiles) -> tuple[int, Path | None]:
    """Start it in a process group of its own; the system takes neither a fork nor a copy of us for it.

    Returns:
        Its pid, and the file that it is run from, if there is one.
    """
    text = command.encode()
    try:
        return shell([b"-c", b"--", text], environment, files), None
    except OSError as error:
        if error.errno != errno.E2BIG:
            raise
    write_script(files.script, text)
    try:
        return shell([os.fsencode(files.script)], environment, files), files.script
    except OSError:
        files.script.unlink(missing_ok=True)
        raise


def write_script(path: Path, text: bytes) -> None:
    """Write a file that only its owner may read, in the place of one that may be there; raise OSError."""
    path.unlink(missing_ok=True)
    with open_bytes(path, "x") as file:
        file.write(text)


def shell(arguments: list[bytes], environment: Environment, files: LogFiles) -> int:
    """Start a shell with these arguments, its output in new files, and return its pid; raise OSError.

    What has a file's name already, an older output or a link that somebody planted, is removed: nothing is written to it.
    """
    try:
        return _shell(arguments, environment, files)
    except FileExistsError:
        for path in (files.stdout, files.stderr):
            path.unlink(missing_ok=True)
        return _shell(arguments, environment, files)


def _shell(arguments: list[bytes], environment: Environment, files: LogFiles) -> int:
    return os.posix_spawn(
        "/bin/sh",
        [b"/bin/sh", *arguments],
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.fspath(files.stdout), OUTPUT, FILE_MODE),
            (os.POSIX_SPAWN_OPEN, 2, os.fspath(files.stderr), OUTPUT, FILE_MODE),
        ],
        setpgroup=0,
        setsigmask=(),
        setsigdef=DEFAULTED,
    )


def limit_open_files(pid: int, soft: int) -> None:
    """Set the soft limit of open files of a process that has just been started."""
    with suppress(OSError):  # it has ended already
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def io_bytes(pid: int) -> dict[str, float]:
    """Return what the process and its collected children moved from and to disks; empty where nobody counts."""
    try:
        lines = read_short(f"/proc/{pid}/io").decode("ascii").splitlines()
    except OSError:
        return {}
    counts = dict(line.split(": ") for line in lines)
    return {name: int(counts[name]) for name in ("read_bytes", "write_bytes") if name in counts}


def live_groups() -> set[int]:
    """Return the process groups that have a member which is more than a zombie (init may collect those late)."""
    found = set()
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            try:
                stat = Path(entry.path, "stat").read_bytes()
            except OSError:
                continue
            state, _parent, group, *_ = stat[stat.rindex(b")") + 1 :].split()
            if state not in (b"Z", b"X"):
                found.add(int(group))
    return found


def oom_kills() -> int:
    """Return how many processes this machine has killed for want of memory since it booted; 0 where nobody counts."""
    try:
        with Path("/proc/vmstat").open(encoding="ascii") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("oom_kill ")), 0)
    except OSError:
        return 0
