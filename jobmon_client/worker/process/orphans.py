"""Finds and ends commands whose agent is gone, by what their environment says, with everything below them. Linux only (/proc).

As a program (`python -m jobmon_client.worker.process.orphans LOG_DIR ID...`) it ends what is left of these attempts; the
guardian of an agent that was killed becomes it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from jobmon_client.worker.process.process_tree import Seen, below, kill_all, processes

OWNER = b"JOBMON_DISTRIBUTOR_ID"
INSTANCE = b"JOBMON_TASK_INSTANCE_ID"
RESULT = b"JOBMON_RESULT_FILE"
PATIENCE = 10.0
"""Seconds that killed processes have to be gone; who waits in the kernel may take longer."""
POLL = 0.005

Variables = Mapping[bytes, bytes]


def kill(distributor_ids: Collection[str]) -> bool:
    """Kill the processes of these attempts and wait until they are gone, a bounded time; return whether they are."""
    wanted = {os.fsencode(one) for one in distributor_ids}
    return not wanted or end_all(lambda one: one.variables().get(OWNER) in wanted)[1]


def sweep(is_orphan: Callable[[str], bool]) -> int:
    """Kill the processes whose distributor id is an orphan's; return how many there were.

    Only processes of our own pid namespace are asked about: elsewhere the agent's pid means another process.
    """
    namespace = Path("/proc/self/ns/pid").readlink()

    def is_ours(one: Seen) -> bool:
        owner = one.variables().get(OWNER)
        if owner is None or not is_orphan(owner.decode(errors="replace")):
            return False
        try:
            return Path(f"/proc/{one.pid}/ns/pid").readlink() == namespace
        except OSError:
            return False

    return end_all(is_ours)[0]


def end_attempts(log_dir: Path, task_instance_ids: Collection[str]) -> int:
    """Kill the processes of these attempts, whose files are below the directory; return how many there were."""
    wanted = {one.encode() for one in task_instance_ids}
    files = os.fsencode(log_dir) + b"/"

    def is_ours(one: Seen) -> bool:
        found = one.variables()
        return found.get(INSTANCE) in wanted and found.get(RESULT, b"").startswith(files)

    return end_all(is_ours)[0]


def end_all(is_orphan: Callable[[Seen], bool]) -> tuple[int, bool]:
    """Kill these and what is below them, until nothing is left or patience is over.

    Returns:
        How many were killed, and whether all that may be signalled are gone.
    """
    killed: set[Seen] = set()
    refused: set[Seen] = set()
    ours = os.getpid()

    def look() -> list[Seen]:
        known = processes()
        found = below(known, [one.pid for one in known.values() if is_orphan(one)])
        return [one for one in found if one.pid != ours and one not in refused]

    deadline = time.monotonic() + PATIENCE
    pause = threading.Event()
    while left := look():
        if time.monotonic() > deadline:
            return len(killed), False
        killed.update(left)
        refused.update(kill_all(look))
        pause.wait(POLL)
    return len(killed - refused), True


if __name__ == "__main__":
    end_attempts(Path(sys.argv[1]), sys.argv[2:])
