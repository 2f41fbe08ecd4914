"""Finds commands whose agent is gone, by the distributor id in their environment. Linux only (/proc).

Only processes of our own pid namespace are looked at: elsewhere the agent's pid means another process.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

MARK = b"JOBMON_DISTRIBUTOR_ID="


def kill(distributor_ids: Collection[str]) -> None:
    """Kill the processes that belong to these."""
    wanted = frozenset(distributor_ids)
    if wanted:
        sweep(wanted.__contains__)


def sweep(is_orphan: Callable[[str], bool]) -> int:
    """Kill the processes whose distributor id is an orphan's; return how many there were."""
    return sum(end(pid, owner) for pid, owner in owned() if is_orphan(owner))


def end(pid: int, owner: str) -> bool:
    """Kill it, if it is still the one that was looked at: pids are used again."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if owner_of(Path("/proc", str(pid))) != owner:
            return False
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except ProcessLookupError:
        return False
    finally:
        os.close(pidfd)
    return True


def owned() -> Iterator[tuple[int, str]]:
    """Yield the pid and the distributor id of each command's process that is ours to see."""
    namespace = Path("/proc/self/ns/pid").readlink()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (owner := owner_of(entry)) is not None:
            try:
                ours = (entry / "ns" / "pid").readlink() == namespace
            except OSError:
                continue
            if ours:
                yield int(entry.name), owner


def owner_of(process: Path) -> str | None:
    """Return the distributor id the process began with; None for others', and for what is gone or a zombie."""
    try:
        variables = (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return None
    return next(
        (one[len(MARK) :].decode(errors="replace") for one in variables if one.startswith(MARK)), None
    )
