"""What an agent says of its jobs to whoever started it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from jobmon_client.worker.agent.job import Job

PAUSE = 0.01
"""Seconds between two of them at least: who listens is not to be woken for each of many short commands."""


@dataclass(frozen=True, slots=True)
class Change:
    """What just happened: jobs whose command started, and jobs that are over and whose end the server knows."""

    started: tuple[Job, ...]
    ended: tuple[Job, ...]


class Changes:
    """Gathers what happens; after a quiet moment it is told at once."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.started: list[Job] = []
        self.ended: list[Job] = []
        self._due = 0.0

    def wait(self) -> float | None:
        """Return the seconds until something is to be told, None if there is nothing."""
        return max(0.0, self._due - time.monotonic()) if self.started or self.ended else None

    def take(self) -> Change | None:
        """Return what started and what ended since the last was taken; None if it is not yet time, or nothing did."""
        if self.wait() != 0.0:
            return None
        self._due = time.monotonic() + PAUSE
        taken = Change(tuple(self.started), tuple(self.ended))
        self.started.clear()
        self.ended.clear()
        return taken
