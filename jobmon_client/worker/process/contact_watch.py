"""A process beside the agent that ends commands whose server does not hear from it; the agent's side of it.

It is there only where a server says `lost_contact = stop`: it takes some megabytes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import structlog

from jobmon_client.worker.process import contact_killer

log = structlog.get_logger(__name__)


class ContactWatch:
    """Told until when each attempt may run; its methods may be called from one thread only."""

    def __init__(self, exempt: Callable[[int], None]) -> None:
        """Begin without a process; `exempt` is told its pid: a child of ours that belongs to no command."""
        self._exempt = exempt
        self._process: subprocess.Popen[bytes] | None = None
        self._known: dict[int, list[str]] = {}

    def keep(self, task_instance_id: int, until: float) -> None:
        """Say until when it may run: seconds of CLOCK_BOOTTIME. Raises OSError if there can be no such process."""
        line = f"+ {task_instance_id} {int(until * 1e9)}\n"
        group = self._known.get(task_instance_id, ["", ""])[1]
        self._known[task_instance_id] = [line, group]
        self._say(line)

    def started(self, task_instance_id: int, group: int) -> None:
        """Say in which process group it runs."""
        line = f"= {task_instance_id} {group}\n"
        self._known[task_instance_id][1] = line
        self._say(line)

    def over(self, task_instance_id: int) -> None:
        """Say that nothing of it runs."""
        if self._known.pop(task_instance_id, None) is not None:
            self._say(f"- {task_instance_id}\n")

    @property
    def pid(self) -> int | None:
        """The process; None while there is none."""
        return None if self._process is None else self._process.pid

    def close(self) -> None:
        """Every command has ended."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()

    def _say(self, text: str) -> None:
        if self._process is None:
            self._process = self._start()
        try:
            write(self._process, text)
        except BrokenPipeError:  # somebody killed it: the next has to know all
            log.warning("contact_watch_gone", pid=self._process.pid)
            self.close()
            self._process = self._start()
            write(self._process, "".join(line for lines in self._known.values() for line in lines))

    def _start(self) -> subprocess.Popen[bytes]:
        process = start()
        self._exempt(process.pid)
        return process


def start() -> subprocess.Popen[bytes]:
    """Start the process in a session of its own, which no signal to the agent's group reaches; raise OSError."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(contact_killer.__file__)), str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        env={},
        start_new_session=True,
    )


def write(process: subprocess.Popen[bytes], text: str) -> None:
    """Write all of it; raise BrokenPipeError."""
    if process.stdin is None:
        return
    left = memoryview(text.encode("ascii"))
    while left:
        left = left[os.write(process.stdin.fileno(), left) :]
