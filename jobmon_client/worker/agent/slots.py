"""Whose turn it is: who waits, who was asked for, who may start and waits for a slot. Runs in the agent's one thread."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from jobmon_client.worker.agent.job import Job, Phase

FARTHEST_AHEAD = 100
"""Commands that may have leave and no slot: to the server they run already, and if the agent dies each has lost an attempt."""
ROUNDS = 2
"""A report waits for the call that is under way, and then for its own."""
SHORTAGE_PAUSE = 1.0
"""Seconds."""
WEIGHT = 0.2
"""Of the last command, in the mean of their seconds."""


class Slots:
    """Places for so many commands at once.

    Commands that are over sooner than a report is answered would leave the slots empty most of the time. So leave is asked
    ahead: for as many as can end while one report is under way. Where commands take longer than that there are none.
    """

    def __init__(self, number: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with empty ones."""
        self._number = number
        self._clock = clock
        self._waiting: deque[Job] = deque()
        self._asked: dict[int, float] = {}
        self.granted: dict[int, Job] = {}
        """What may start and waits for a slot, by the id of the instance."""
        self._busy = 0
        self._seconds: float | None = None
        self._ahead = 0
        self._short_until: float | None = None

    def add(self, job: Job) -> None:
        """It waits from now on."""
        self._waiting.append(job)

    def next_to_ask(self) -> Job | None:
        """Return the next that leave is to be asked for, None if that would be too early."""
        under_way = len(self._asked) + len(self.granted) + self._busy
        if not self._waiting or under_way >= self._number + self._ahead:
            return None
        job = self._waiting.popleft()
        job.phase = Phase.ASKED
        self._asked[job.id] = self._clock()
        return job

    def answered(self, job: Job, *, granted: bool) -> None:
        """The server has answered; one that was refused leave is none of ours any more."""
        self._foresee(self._clock() - self._asked.pop(job.id))
        if granted:
            job.phase = Phase.GRANTED
            self.granted[job.id] = job

    def _foresee(self, answer_seconds: float) -> None:
        if self._seconds is not None:
            ends = ROUNDS * self._number * answer_seconds / max(self._seconds, 1e-6)
            self._ahead = int(min(ends, FARTHEST_AHEAD))

    def next_to_start(self) -> Job | None:
        """Return the next that has leave, and give it a slot; None if it has to wait for one."""
        if self.wait():
            return None
        self._short_until = None
        if not self.granted or self._busy >= self._number:
            return None
        self._busy += 1
        return self.granted.pop(next(iter(self.granted)))

    def free(self, seconds: float | None) -> None:
        """One slot is free again; its command took so many seconds, None if it could not be started."""
        self._busy -= 1
        self._short_until = None
        if seconds is not None:
            known = seconds if self._seconds is None else self._seconds
            self._seconds = known + WEIGHT * (seconds - known)

    def put_back(self, job: Job) -> None:
        """The machine lacks what it takes to start it: it is the next again, when another has ended or after a moment."""
        self._busy -= 1
        self.granted = {job.id: job, **self.granted}
        self._short_until = self._clock() + SHORTAGE_PAUSE

    def wait(self) -> float | None:
        """Return the seconds for which nothing is started because the last could not be; None if there is no reason to wait."""
        if self._short_until is None:
            return None
        return max(0.0, self._short_until - self._clock())

    def withdraw(self, job: Job) -> None:
        """One that has not started is not to start."""
        if self.granted.pop(job.id, None) is None:
            self._waiting.remove(job)
