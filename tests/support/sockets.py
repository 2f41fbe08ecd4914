"""Which sockets a process holds, as the kernel tells."""

from __future__ import annotations

from pathlib import Path

CONNECTED = "01"


def sockets_to(port: int, pid: int | str = "self") -> set[str]:
    """The sockets of a process that are connected to a port: their inodes, the same where one is shared."""
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    connected = {line[9] for line in lines if line[2].endswith(f":{port:04X}") and line[3] == CONNECTED}
    held = set()
    for one in Path(f"/proc/{pid}/fd").iterdir():
        try:
            held.add(str(one.readlink()).removeprefix("socket:[").rstrip("]"))
        except FileNotFoundError:  # closed meanwhile
            continue
    return connected & held
