"""All duties of a server process, begun and ended together."""

from __future__ import annotations

import threading
from collections.abc import Callable

from jobmon_server.background.leader_job import LeaderJob
from jobmon_server.background.reaper import Reaper
from jobmon_server.background.retention import RetentionJob
from jobmon_server.background.webhooks import WebhookJob
from jobmon_server.config import Settings
from jobmon_server.db.core.transaction import Database

Kind = Callable[[Database, Settings, threading.Event], LeaderJob]

KINDS: tuple[Kind, ...] = (Reaper, RetentionJob, WebhookJob)


class LeaderJobs:
    """The threads of the duties, and the event that ends them and whatever else waits in this process."""

    def __init__(self, database: Database, settings: Settings, stopping: threading.Event) -> None:
        """Make one of each kind."""
        self._duties: list[LeaderJob] = [kind(database, settings, stopping) for kind in KINDS]
        self._stopping = stopping

    def start(self) -> None:
        """Begin."""
        for duty in self._duties:
            duty.start()

    def stop(self) -> None:
        """End all of them after the step that each is in."""
        self._stopping.set()
        for duty in self._duties:
            duty.stop()
