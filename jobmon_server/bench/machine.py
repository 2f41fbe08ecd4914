"""What this machine is, and what its processes use: read from /proc."""

from __future__ import annotations

import os
import platform
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
LIBRARIES = (
    "jobmon",
    "flask",
    "marshmallow",
    "sqlalchemy",
    "pymysql",
    "gunicorn",
    "uvicorn",
    "requests",
)


def machine() -> dict[str, Any]:
    """Describe the machine."""
    return {
        "cpus": len(os.sched_getaffinity(0)),
        "cpu": first("cpuinfo", "model name") or platform.machine(),
        "memory_gib": round(int((first("meminfo", "MemTotal") or "0 kB").split()[0]) / 2**20, 1),
        "kernel": platform.release(),
        "load_before": [round(one, 2) for one in os.getloadavg()],
    }


def versions() -> dict[str, str]:
    """Return the versions of what is measured."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def first(file: str, key: str) -> str | None:
    """Return the first value of this key in a file of /proc; None where it has none."""
    for line in (PROC / file).read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return None


def family(pid: int) -> list[int]:
    """Return a process and all its descendants that live."""
    children: dict[int, list[int]] = {}
    for one, parent in _parents():
        children.setdefault(parent, []).append(one)
    found, new = [], [pid]
    while new:
        found += new
        new = [child for one in new for child in children.get(one, ())]
    return found


def _parents() -> Iterator[tuple[int, int]]:
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            fields = _stat(int(folder.name))
            if fields:
                yield int(folder.name), int(fields[1])


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name, which may have spaces; none when it has ended."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def cpu_seconds(pids: Collection[int]) -> float:
    """Return the CPU time, user and system, that these processes have used."""
    rows = [_stat(pid) for pid in pids]
    return sum(int(row[11]) + int(row[12]) for row in rows if row) / TICKS


@dataclass
class Meter:
    """CPU of groups of processes, by name, between two looks."""

    groups: dict[str, list[int]]

    def __post_init__(self) -> None:
        self._was = self._look()

    def _look(self) -> dict[str, float]:
        return {name: cpu_seconds(pids) for name, pids in self.groups.items()}

    def used(self) -> dict[str, float]:
        """Return the CPU seconds that each group has used since this was made."""
        now = self._look()
        return {name: now[name] - self._was[name] for name in now}
