"""All processes of a command, whatever sessions and process groups they have made: found, signalled, ended.

While its parent lives a process is found below the command. When a parent ends, its children go to this agent (see
`subreaper`), and are known by what they inherited: the environment, the process group, the files of the command's output.
One that has none of these any more belongs to the only command that can have started it; where several can, it is ended
with the last of them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from jobmon_client.worker.process.process_tree import Seen, below, kill_all, processes
from jobmon_client.worker.process.subreaper import Subreaper

log = structlog.get_logger(__name__)

TICKS = os.sysconf("SC_CLK_TCK")
OUTPUTS = (1, 2, 0)
LAST_PATIENCE = 5.0
POLL = 0.005
FRESH = 0.1
"""Seconds for which a look is good enough for polite signals: many commands may be told to end at once."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the processes of one attempt are known by.

    `marks` are variables of its environment, `files` those of its output; `began` is when it was started, in ticks since
    the machine booted.
    """

    pid: int
    marks: Mapping[bytes, bytes]
    files: frozenset[str]
    began: int


def ticks_now() -> int:
    """Return the time since the machine booted, as /proc counts it."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * TICKS)


class Families:
    """The families of all commands that run; its methods may be called from one thread only."""

    def __init__(self, subreaper: Subreaper | None) -> None:
        """Without a subreaper only what stays below its command, or in its process group, is found."""
        self._subreaper = subreaper
        self._heads: dict[int, Head] = {}
        self._owners: dict[Seen, int | None] = {}
        self._candidates: dict[Seen, set[int]] = {}
        self._refused: set[Seen] = set()
        self._everything: Mapping[int, Seen] = {}
        self._looked_at = -FRESH

    def exempt(self, pid: int) -> None:
        """Take a child of ours for one that belongs to no command."""
        if self._subreaper is not None:
            self._subreaper.exempt.add(pid)

    def began(self, head: Head) -> None:
        """A command was started."""
        self._heads[head.pid] = head

    def may_be_left(self, pid: int) -> bool:
        """Return whether something may be left of a command whose first process was collected; quick, and mostly not."""
        if self._subreaper is not None:
            return self._subreaper.has_adopted()
        try:
            os.killpg(pid, 0)
        except OSError:
            return False
        return True

    def gone(self, pid: int) -> None:
        """Nothing of this command is left."""
        self._heads.pop(pid, None)

    def left(self, pid: int, everything: Mapping[int, Seen] | None = None) -> list[Seen]:
        """Return the processes of a command that live and may be signalled; look them up in `everything` if it is given."""
        known = processes() if everything is None else everything
        ours = os.getpid()
        roots = [pid] if pid in self._heads and self._is_head(known, pid, ours) else []
        if self._subreaper is None:
            roots += [one.pid for one in known.values() if one.group == pid]
        else:
            roots += [one.pid for one in self._adopted(known, ours) if self._belongs(one, pid)]
        return [one for one in below(known, roots) if one not in self._refused]

    def _is_head(self, known: Mapping[int, Seen], pid: int, ours: int) -> bool:
        """Whether the pid is still that of the command's first process, which is our child."""
        return pid in known and known[pid].parent == ours

    def signal(self, pid: int, number: int) -> None:
        """Signal those processes of a command that are not in its process group."""
        if time.monotonic() > self._looked_at + FRESH:
            self._everything = processes()
            self._looked_at = time.monotonic()
        for one in self.left(pid, self._everything):
            if one.group != pid:
                one.signal(number)

    def kill(self, pids: Collection[int]) -> None:
        """Kill all processes of these commands; they may live on for a moment."""

        def look() -> list[Seen]:
            known = processes()
            return [one for pid in pids for one in self.left(pid, known)]

        self._note(kill_all(look))

    def kill_everything(self) -> None:
        """Kill what is left of any command, and wait until it is gone, a bounded time."""
        if not self._heads and not (self._subreaper is not None and self._subreaper.has_adopted()):
            return
        ours = os.getpid()

        def look() -> list[Seen]:
            known = processes()
            roots = [pid for pid in self._heads if self._is_head(known, pid, ours)]
            if self._subreaper is not None:
                roots += [one.pid for one in self._adopted(known, ours)]
            return [one for one in below(known, roots) if one not in self._refused]

        deadline, pause = time.monotonic() + LAST_PATIENCE, threading.Event()
        while look() and time.monotonic() < deadline:
            self._note(kill_all(look))
            pause.wait(POLL)

    def _note(self, refused: Iterable[Seen]) -> None:
        for one in refused:  # another user's by now: nothing that we could do would end it
            log.warning("process_not_ours", pid=one.pid)
            self._refused.add(one)

    def _adopted(self, known: Mapping[int, Seen], ours: int) -> list[Seen]:
        """Return our children that are no command's first process and no helper of ours; forget owners of those that are gone."""
        exempt = self._subreaper.exempt if self._subreaper is not None else set()
        found = [
            one
            for one in known.values()
            if one.parent == ours and one.pid not in self._heads and one.pid not in exempt
        ]
        for notes in (self._owners, self._candidates):
            for one in notes.keys() - found:
                notes.pop(one)
        return found

    def _belongs(self, one: Seen, pid: int) -> bool:
        """Whether an adopted process is this command's: one that no running command can have started is everybody's."""
        if one not in self._owners:
            self._owners[one] = self._recognised(one)
        if (owner := self._owners[one]) is not None:
            return owner == pid
        running = {head.pid for head in self._heads.values() if head.began <= one.start}
        candidates = self._candidates[one] = self._candidates.get(one, running) & running
        return candidates <= {pid}

    def _recognised(self, one: Seen) -> int | None:
        variables = one.variables()
        for pid, head in self._heads.items():
            if pid == one.group or head.marks.items() <= variables.items():
                return pid
        for number in OUTPUTS:
            with suppress(OSError):
                file = str(Path(f"/proc/{one.pid}/fd/{number}").readlink())
                for pid, head in self._heads.items():
                    if file in head.files:
                        return pid
        return None
