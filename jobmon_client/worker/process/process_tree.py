"""The processes of this machine as /proc shows them: who is whose child, and how to signal one. Linux only."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jobmon_client.worker.process.process_groups import stat

DEAD = frozenset({b"Z", b"X"})
ROUNDS = 100
"""Of stopping: each finds what was forked while the last one looked."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A process that was alive; `start` is in ticks since the machine booted, so that pid and start are never used again."""

    pid: int
    start: int
    parent: int = field(compare=False)
    group: int = field(compare=False)

    def signal(self, number: int) -> bool:
        """Signal it, if it is still the one that was seen; return whether it may be signalled (a dead one may)."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        except OSError:  # out of descriptors
            return self._signal_unwatched(number)
        try:
            if start_ticks(self.pid) == self.start:
                signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        finally:
            os.close(handle)
        return True

    def _signal_unwatched(self, number: int) -> bool:
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return True

    def variables(self) -> Mapping[bytes, bytes]:
        """Return the environment that its program began with; empty if it is gone, or somebody else's."""
        try:
            found = Path(f"/proc/{self.pid}/environ").read_bytes()
        except OSError:
            return {}
        return {name: value for name, _, value in (one.partition(b"=") for one in found.split(b"\0"))}


def processes() -> dict[int, Seen]:
    """Return every process that lives, by its pid; zombies have ended."""
    found: dict[int, Seen] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal() and (fields := stat(pid := int(entry.name))) and fields[0] not in DEAD:
            found[pid] = Seen(pid, int(fields[19]), int(fields[1]), int(fields[2]))
    return found


def start_ticks(pid: int) -> int | None:
    """Return when the process of this pid began, in ticks since the machine booted; None if it is gone."""
    fields = stat(pid)
    return int(fields[19]) if fields else None


def below(everything: Mapping[int, Seen], roots: Iterable[int]) -> list[Seen]:
    """Return the processes with these pids, and all that descend from them."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for one in everything.values():
        children[one.parent].append(one.pid)
    found: dict[int, Seen] = {}
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid in everything and pid not in found:
            found[pid] = everything[pid]
            waiting += children[pid]
    return list(found.values())


def kill_all(look: Callable[[], Collection[Seen]]) -> list[Seen]:
    """Kill everything that `look` finds, and what that starts meanwhile; return those that may not be signalled.

    First all are stopped, until a look finds nothing new: what is stopped cannot fork.
    """
    seen: set[Seen] = set()
    refused: list[Seen] = []
    for _ in range(ROUNDS):
        new = [one for one in look() if one not in seen]
        if not new:
            break
        refused += [one for one in new if not one.signal(signal.SIGSTOP)]
        seen.update(new)
    for one in seen:
        one.signal(signal.SIGKILL)
    return refused
