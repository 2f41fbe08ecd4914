"""What single processes are and hold: read from /proc."""

from __future__ import annotations

from jobmon_server.bench.machine import PROC, first


def memory_mib(pid: int) -> dict[str, float]:
    """Return the resident memory of a process, its share of what it shares, and its peak, in MiB; empty when it has ended."""
    found = {}
    for name, file, key in (
        ("rss", "status", "VmRSS"),
        ("peak", "status", "VmHWM"),
        ("pss", "smaps_rollup", "Pss"),
    ):
        try:
            value = first(f"{pid}/{file}", key)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            value = None
        if value:
            found[name] = round(int(value.split()[0]) / 1024, 1)
    return found


def command_line(pid: int) -> str:
    """Return how a process was called; empty when it has ended."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
