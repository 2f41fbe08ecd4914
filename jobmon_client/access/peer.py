"""Whose process is at the other end of a connection on this machine: the kernel's tables say so (Linux)."""

from __future__ import annotations

import ipaddress
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

TABLES = {4: Path("/proc/net/tcp"), 6: Path("/proc/net/tcp6")}
UNLISTED_SECONDS = 1.0
"""How long a connection that the tables do not list is looked for: a table that changes while it is read may lack a row."""
FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.05


def peer_uid(connection: socket.socket, patience: float) -> int | None:
    """Return the user id of the process that accepted a TCP connection of ours.

    The row of the other end itself is read, not that of whoever listens on the port. Until a process has accepted the
    connection it is nobody's.

    Args:
        connection: A connected TCP socket.
        patience: Seconds to wait until it is accepted.

    Returns:
        The user id; None if nobody accepted it in time, or the other end is not on this machine.
    """
    try:
        rows = list(_rows_of(connection.getpeername(), connection.getsockname()))
    except OSError:  # it is connected no longer
        return None
    began = time.monotonic()
    pause = FIRST_PAUSE
    waiting = threading.Event()
    while True:
        found = _find(rows)
        if found is not None and found[1]:
            return found[0]
        if time.monotonic() - began > (min(patience, UNLISTED_SECONDS) if found is None else patience):
            return None
        waiting.wait(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _rows_of(peer: tuple[str, int], ours: tuple[str, int]) -> Iterator[tuple[Path, str]]:
    """Yield each table that may have the other end's row, and what that row has in it: its address, then ours."""
    here, there = (ipaddress.ip_address(end[0].partition("%")[0]) for end in (ours, peer))
    yield TABLES[there.version], f" {_key(there, peer[1])} {_key(here, ours[1])} "
    if there.version == here.version == 4:  # accepted by a socket that listens on both
        mapped = [ipaddress.ip_address(f"::ffff:{end}") for end in (there, here)]
        yield TABLES[6], f" {_key(mapped[0], peer[1])} {_key(mapped[1], ours[1])} "


def _key(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> str:
    """Return an address and a port as the kernel prints them: words of 32 bits in the machine's byte order."""
    packed = address.packed
    words = [packed[start : start + 4] for start in range(0, len(packed), 4)]
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words) + f":{port:04X}"


def _find(rows: list[tuple[Path, str]]) -> tuple[int, int] | None:
    """Return user id and inode of the first row that is there; the inode is 0 until somebody accepts the connection."""
    for table, wanted in rows:
        try:
            with table.open(encoding="ascii", errors="replace") as lines:
                for line in lines:
                    if wanted in line:
                        facts = line.split()
                        return int(facts[7]), int(facts[9])
        except OSError:  # no such table here
            continue
    return None
