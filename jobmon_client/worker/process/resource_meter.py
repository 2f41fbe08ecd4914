"""What running commands use, measured now and then from /proc for all of them at once. Linux only."""

from __future__ import annotations

import os
import shutil
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jobmon_client.worker.process.process_groups import stat

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
#: Places of what /proc says of a process, after its name.
GROUP, CPU, VSIZE, RSS = 2, slice(11, 15), 20, 21


@dataclass(slots=True)
class GroupUsage:
    """What the processes of one group use now, and the processor time of those and of what they collected."""

    cpu_seconds: float = 0.0
    vsize_bytes: int = 0
    rss_bytes: int = 0


class ResourceMeter:
    """Says when to measure, and measures; every `interval` seconds, never with 0."""

    def __init__(self, interval: float) -> None:
        """Measure for the first time an interval from now."""
        self._interval = interval
        self._refused: set[str] = set()
        self._due = 0.0
        self.rest()

    def rest(self) -> None:
        """Nothing ran: the next time is an interval from now."""
        self._due = time.monotonic() + self._interval

    def wait(self) -> float | None:
        """Return the seconds until it is time, None if it never is."""
        return max(0.0, self._due - time.monotonic()) if self._interval else None

    def refuse(self, names: Iterable[str]) -> None:
        """Leave these out from now on: the server does not take them."""
        self._refused.update(names)

    def measure(self, began: Mapping[int, float], directory: Path) -> dict[int, dict[str, float]]:
        """Return the metrics of these process groups, whose commands began so many seconds ago, and that still run.

        `directory` is where the free space of the disk is looked up. The next time is an interval from now.
        """
        self.rest()
        common = machine(directory)
        return {
            group: {
                name: value
                for name, value in {
                    **common,
                    "cpu_seconds": round(used.cpu_seconds, 2),
                    "vsize_bytes": used.vsize_bytes,
                    "rss_bytes": used.rss_bytes,
                    "wall_seconds": round(began[group], 3),
                }.items()
                if name not in self._refused
            }
            for group, used in used_by(began.keys()).items()
        }


def machine(directory: Path) -> dict[str, float]:
    """Return what is the same for every command: the load of the last minute, and the free space; what cannot be read is left out."""
    found: dict[str, float] = {}
    try:
        found["load"] = round(os.getloadavg()[0], 2)
        found["disk_free_bytes"] = shutil.disk_usage(directory).free
    except OSError:  # no directory yet, or a system that does not say
        pass
    return found


def used_by(groups: Collection[int]) -> dict[int, GroupUsage]:
    """Return what the processes of these groups use, by one look at every process there is."""
    found: defaultdict[int, GroupUsage] = defaultdict(GroupUsage)
    for entry in os.scandir("/proc") if groups else ():
        fields = stat(int(entry.name)) if entry.name.isdecimal() else []
        if fields and (group := int(fields[GROUP])) in groups:
            used = found[group]
            used.cpu_seconds += sum(map(int, fields[CPU])) / TICK
            used.vsize_bytes += int(fields[VSIZE])
            used.rss_bytes += int(fields[RSS]) * PAGE
    return dict(found)
