"""The process that ends commands whose server has not heard from their agent: run as a script, by `contact_watch`.

It is told over a pipe until when each attempt may run, and looks at the clock by itself, so that an agent that is stopped
(SIGSTOP, a debugger, a hung disk) keeps nothing alive. The standard library alone, for it is to be small. Linux only.

A line is `+ instance deadline` (nanoseconds of CLOCK_BOOTTIME, which goes on while the machine sleeps), `= instance group` or
`- instance`. The end of the pipe means that the agent is gone: nothing of it may run on.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

#: Seconds between two looks: select's clock stands still while the machine sleeps.
LONGEST_WAIT = 0.1
#: Seconds until what was killed is looked for again, twice as long each time: something of it may only now be started.
FIRST_LOOK, LAST_LOOK = 0.02, 0.5
MARK = b"JOBMON_TASK_INSTANCE_ID="


class ContactKiller:
    """Knows the attempts of one agent."""

    def __init__(self, agent: int) -> None:
        """Take the pid of the agent, of which all commands descend."""
        self._agent = agent
        self._deadlines: dict[int, int] = {}
        self._groups: dict[int, int] = {}
        self._look_at = 0
        self._pause = FIRST_LOOK

    def take(self, line: bytes) -> None:
        """Note what a line says; the next look is at once."""
        sign, instance, *more = line.split()
        one = int(instance)
        if sign == b"+":
            self._deadlines[one] = int(more[0])
        elif sign == b"=":
            self._groups[one] = int(more[0])
        else:
            self._deadlines.pop(one, None)
            self._groups.pop(one, None)
        self._look_at, self._pause = 0, FIRST_LOOK

    def wait(self) -> float | None:
        """Return the seconds until the next look, None while there is nothing to look at."""
        if not self._deadlines:
            return None
        due = max(self._look_at, min(self._deadlines.values()))
        return min(max(0, due - now()) / 1e9, LONGEST_WAIT)

    def look(self) -> None:
        """Kill what is past its deadline, and whatever of it has been started since the last look."""
        instant = now()
        due = {one for one, deadline in self._deadlines.items() if deadline <= instant}
        if due and instant >= self._look_at:
            self.kill(due)
            self._look_at = now() + int(self._pause * 1e9)
            self._pause = min(2 * self._pause, LAST_LOOK)

    def kill(self, instances: set[int]) -> None:
        """Kill the groups of these attempts, and the agent's descendants that were started for them."""
        for one in instances:
            if one in self._groups:
                send(os.killpg, self._groups[one])
        parents = parents_of_all()
        for pid in parents:
            if descends(pid, self._agent, parents) and instance_of(pid) in instances:
                send(os.kill, pid)

    def kill_all(self) -> None:
        """Kill all that is known."""
        self.kill(set(self._deadlines))


def now() -> int:
    """Return nanoseconds since the machine booted, those asleep included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def send(kill: object, target: int) -> None:
    """Send SIGKILL, if there is still somebody to send it to."""
    try:
        kill(target, signal.SIGKILL)  # type: ignore[operator]
    except (ProcessLookupError, PermissionError):
        return


def parents_of_all() -> dict[int, int]:
    """Return the parent of each process."""
    parents = {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdecimal():
            stat = read(f"/proc/{name}/stat")
            if stat:
                parents[int(name)] = int(stat[stat.rindex(b")") + 1 :].split()[1])
    return parents


def descends(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    """Whether a process is a child of another, or of its children."""
    seen = set()
    while (pid := parents.get(pid, 0)) > 1 and pid not in seen:
        if pid == ancestor:
            return True
        seen.add(pid)
    return False


def instance_of(pid: int) -> int | None:
    """Return the attempt that a process was started for, by its environment."""
    for variable in read(f"/proc/{pid}/environ").split(b"\0"):
        if variable.startswith(MARK):
            return int(variable[len(MARK) :])
    return None


def read(path: str) -> bytes:
    """Return what a file of /proc holds; nothing if it is gone, or another's."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - pathlib is half of what this process would load
            return file.read()
    except OSError:
        return b""


def main() -> None:
    """Read lines until there will be none."""
    killer = ContactKiller(int(sys.argv[1]))
    unread = b""
    while True:
        if select.select([0], [], [], killer.wait())[0]:
            piece = os.read(0, 65_536)
            if not piece:
                killer.kill_all()
                return
            *lines, unread = (unread + piece).split(b"\n")
            for line in lines:
                killer.take(line)
        killer.look()


if __name__ == "__main__":
    main()
