"""Commands whose first process has ended while others of theirs live: ended too, before anybody hears how it went."""

from __future__ import annotations

from jobmon_client.worker.agent.job import Job, Phase
from jobmon_client.worker.process.families import Families
from jobmon_client.worker.process.process_tree import processes

SHORTEST_PAUSE = 0.005
LONGEST_PAUSE = 0.1
"""Seconds between two looks; what the kernel cannot end, in an uninterruptible wait say, is looked after without end."""


class Lingering:
    """Everything here runs in the agent's one thread."""

    def __init__(self, families: Families) -> None:
        """Begin with none."""
        self._families = families
        self._jobs: dict[int, Job] = {}
        self._pause = 0.0

    def add(self, job: Job) -> None:
        """Its first process was collected; others may be left. They are looked for at once."""
        job.phase = Phase.LINGERING
        self._jobs[job.id] = job
        self._pause = 0.0

    def wait(self) -> float | None:
        """Return the seconds until it is time to look, None where there is nothing to look for."""
        return self._pause if self._jobs else None

    def take_gone(self) -> list[Job]:
        """Kill what has no grace left; return the jobs of which nothing is left, and forget them."""
        if not self._jobs:
            return []
        everything = processes()
        gone: list[Job] = []
        overdue: list[int] = []
        for job in self._jobs.values():
            if job.process is None or not self._families.left(job.process.pid, everything):
                gone.append(job)
            elif job.due is None:
                overdue.append(job.process.pid)
        if overdue:
            self._families.kill(overdue)
        for job in gone:
            del self._jobs[job.id]
        self._pause = min(max(SHORTEST_PAUSE, 2 * self._pause), LONGEST_PAUSE)
        return gone
