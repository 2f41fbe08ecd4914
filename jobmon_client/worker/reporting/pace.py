"""How often a worker speaks: as it is set, until somebody asks for another interval for one of its commands."""

from __future__ import annotations

import threading
from collections.abc import Collection

from jobmon_client.config import LONGEST_INCREMENT, Settings


class Pace:
    """The interval of all heartbeats of one worker; it is changed by one thread and read by others.

    Whoever waits for the next heartbeat waits on `changed`: the next may be later than the server was promised, or sooner.
    """

    def __init__(self, settings: Settings) -> None:
        """Begin as it is set."""
        self._usual = settings.heartbeat_interval
        self._factor = settings.report_by_factor
        self._asked: dict[int, float] = {}
        self.interval = self._usual
        self.changed = threading.Event()

    @property
    def increment(self) -> float:
        """Seconds within which the server is promised to hear of us again."""
        return min(self.interval * self._factor, LONGEST_INCREMENT)

    def ask(self, task_instance_id: int, seconds: float, running: Collection[int]) -> None:
        """Take what was asked for the sake of one that runs."""
        self._asked[task_instance_id] = seconds
        self.follow(running)

    def follow(self, running: Collection[int]) -> None:
        """Speak as often as the most eager of those that run was asked to; who was asked nothing is as eager as usual."""
        if not self._asked and self.interval == self._usual:
            return
        for gone in self._asked.keys() - running:
            del self._asked[gone]
        wanted = min((self._asked.get(one, self._usual) for one in running), default=self._usual)
        if wanted != self.interval:
            self.interval = wanted
            self.changed.set()
