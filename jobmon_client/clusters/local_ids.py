"""What a distributor id of the local cluster says: `<host>:<pid of the agent>:<task instance id>`."""

from __future__ import annotations

from pathlib import Path

#: States of a process, as /proc has them, in which it was stopped by a signal or a debugger.
STOPPED = frozenset("Tt")


def agent_pid(distributor_id: str) -> int | None:
    """Return the pid in a distributor id of ours, None if it is not one."""
    parts = distributor_id.rsplit(":", 2)
    return int(parts[1]) if len(parts) == 3 and parts[1].isdecimal() else None


def is_agent(pid: int | None) -> bool:
    """Return whether this pid is an agent's that lives."""
    try:
        return b"jobmon_client.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def works(pid: int | None) -> bool:
    """Return whether this pid is an agent's that lives and was not stopped by a signal: a stopped one keeps nothing alive."""
    try:
        state = (
            Path(f"/proc/{pid}/stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()[0]
        )
    except (OSError, IndexError):
        return False
    return state not in STOPPED and is_agent(pid)
