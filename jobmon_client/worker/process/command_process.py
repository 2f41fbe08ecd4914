"""One command: started, signalled and collected as a process group. Linux only (pidfd, /proc).

The log files are handed to the command itself: its output is byte-exact, costs us nothing, and outlives us.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jobmon_client.private_files import FILE_MODE, make_directory
from jobmon_client.worker.process.items import LogFiles
from jobmon_client.worker.process.process_groups import read_short

# Python ignores SIGPIPE and SIGXFSZ, the agent SIGINT; an ignored signal would stay ignored in the command.
DEFAULTED = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
OUTPUT = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW


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
    """A running `/bin/sh -c` on exactly the text given, the leader of its own process group."""

    def __init__(self, command: str, environment: Mapping[str, str], files: LogFiles) -> None:
        """Start it; raise OSError or ValueError if the system does not take the command or the files."""
        try:
            self.pid = spawned(command, environment, files)
        except FileNotFoundError:  # the first of its workflow: there is no directory yet
            make_directory(files.stdout.parent)
            self.pid = spawned(command, environment, files)
        self._began = time.monotonic()
        try:
            self.pidfd = os.pidfd_open(self.pid)
        except OSError:  # out of descriptors: what cannot be watched must not run
            self.signal_group(signal.SIGKILL)
            os.waitpid(self.pid, 0)
            raise

    @property
    def wall_seconds(self) -> float:
        """How long ago it was started."""
        return time.monotonic() - self._began

    def exited(self) -> bool:
        """Return whether the leader has ended and waits to be collected."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None

    def signal_group(self, number: int) -> bool:
        """Signal every process of the group; return whether there was one (0 only asks)."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return False
        except PermissionError:  # only members that are not ours any more (setuid) are left
            return False
        return True

    def collect(self, *, spare_group: bool = False) -> Ended:
        """Collect the leader, waiting for it; what it left behind in its group is killed unless it is to be spared."""
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        if not spare_group:
            # The zombie still holds the group's number, so this cannot reach a stranger.
            self.signal_group(signal.SIGKILL)
        moved = io_bytes(self.pid)
        _, status, used = os.wait4(self.pid, 0)
        os.close(self.pidfd)
        code = os.waitstatus_to_exitcode(status)
        usage = {
            "wall_seconds": round(self.wall_seconds, 6),
            "cpu_seconds": round(used.ru_utime + used.ru_stime, 6),
            "max_rss_bytes": used.ru_maxrss * 1024,
            **moved,
        }
        return Ended(code if code >= 0 else None, -code if code < 0 else None, usage)


def spawned(command: str, environment: Mapping[str, str], files: LogFiles) -> int:
    """Start it in a process group of its own, and return its pid; the system takes neither a fork nor a copy of us for it."""
    return os.posix_spawn(
        "/bin/sh",
        [b"/bin/sh", b"-c", command.encode()],
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
