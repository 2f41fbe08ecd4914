"""The process that drives a run, as the run records it: who resumes on the same machine can see that it is dead."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobmon_client.api.client import Api
from jobmon_client.worker.process.process_groups import boot, stat

#: Fields of /proc/PID/stat after the name: the state, and when it began in ticks since the boot.
STATE, STARTED = 0, 19
DEAD = frozenset({b"Z", b"X"})


def this_process() -> dict[str, Any]:
    """Return what names this process for good: a pid is used again, with its start time and the boot it is not."""
    return {**_machine(), "pid": os.getpid(), "started": _started(os.getpid())}


def is_known_dead(process: Mapping[str, Any] | None) -> bool:
    """Return whether a recorded process was one of this machine, and is gone; of others nothing is known."""
    if process is None:
        return False
    here = _machine()
    if process.get("host") != here["host"] or "unknown" in {process.get("boot_id"), here["boot_id"]}:
        return False
    if process.get("boot_id") != here["boot_id"]:
        return True  # the machine has booted since
    if process.get("pid_namespace") != here["pid_namespace"]:
        return False
    return process.get("started") != _started(int(process["pid"]))


def dead_run(api: Api, workflow_id: int) -> int | None:
    """Return the run of a workflow that is alive for the server, and whose process on this machine is gone; else None."""
    found = api.workflow(workflow_id)
    is_dead = is_known_dead(found.get("workflow_run_process"))
    return int(found["workflow_run_id"]) if is_dead else None


def _machine() -> dict[str, str]:
    return {"host": socket.gethostname(), "boot_id": boot(), "pid_namespace": _pid_namespace()}


def _pid_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return "unknown"


def _started(pid: int) -> str:
    """Return when a process began; "" where it is gone, or only its parent has not noticed that it is."""
    fields = stat(pid)
    return "" if not fields or fields[STATE] in DEAD else fields[STARTED].decode("ascii")
