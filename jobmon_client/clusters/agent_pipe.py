"""An agent that is our child: told by one pipe, heard by another, and asked again and again whether it answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

import structlog

log = structlog.get_logger(__name__)

START_PATIENCE = 30.0
"""Seconds that an agent may take until it reads its first orders."""


class AgentPipe:
    """Nothing here waits for an agent that does not read, but for `wait`; all may be called from any thread."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Take the process over."""
        self.process = process
        self.pid = process.pid
        self._orders: SimpleQueue[str | None] = SimpleQueue()
        self._asked_at: float | None = None
        self._grace = START_PATIENCE
        self._problem: str | None = None
        threading.Thread(target=self._write, name="agent orders", daemon=True).start()

    @property
    def is_dead(self) -> bool:
        """Whether the process has ended."""
        return self.process.poll() is not None

    @property
    def silent_seconds(self) -> float:
        """For how long a question has been without an answer; 0 if there is none. The first has time to start besides."""
        asked_at = self._asked_at
        return 0.0 if asked_at is None else max(0.0, time.monotonic() - asked_at - self._grace)

    @property
    def end(self) -> str:
        """How it ended, in words."""
        return self._problem or f"ended with {self.process.returncode}"

    def tell(self, order: Mapping[str, Any]) -> None:
        """Give it an order; one that is gone is noticed by whoever listens to it."""
        self._orders.put(json.dumps(order) + "\n")

    def ask(self) -> None:
        """Ask whether it works, unless it has not answered the last question yet."""
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            self.tell({"ping": True})

    def answered(self) -> None:
        """It answered."""
        self._grace = 0.0
        self._asked_at = None

    def kill(self, problem: str | None = None) -> None:
        """Kill it; what its commands have left its guardian ends, and `orphans`. `problem` says why."""
        self._problem = self._problem or problem
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def wait(self, seconds: float | None = None) -> None:
        """Wait until it has ended; raise subprocess.TimeoutExpired."""
        self.process.wait(seconds)

    def close(self) -> None:
        """Close our ends of the pipes of an agent that is dead."""
        self._orders.put(None)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _write(self) -> None:
        stdin = self.process.stdin
        if stdin is None:
            return
        try:
            while (line := self._orders.get()) is not None:
                stdin.write(line)
                stdin.flush()
        except (BrokenPipeError, ValueError):
            log.info("agent_gone", pid=self.pid)
        with suppress(OSError, ValueError):
            stdin.close()
