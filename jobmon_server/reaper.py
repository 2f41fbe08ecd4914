"""The reaper's thread: one leader among all server processes passes over what is overdue, every period."""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import asdict

import structlog

from jobmon_server.actions.reap import Reaped, reap
from jobmon_server.config import Settings
from jobmon_server.db import lease
from jobmon_server.db.transaction import Database
from jobmon_server.errors import Busy
from jobmon_server.tally import FAILURES, LAST_PASS, PASSES

LEASE = "reaper"
log = structlog.get_logger(__name__)


class Reaper:
    """Acts on deadlines while it leads; safe beside others all the same, for each write looks again under its lock."""

    def __init__(self, database: Database, settings: Settings, stop: threading.Event) -> None:
        """Take from the settings the seconds between two passes, and those that a leader may be silent."""
        self._database = database
        self._period = settings.reaper_period
        self._lease_seconds = settings.lease
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._trusted_until = 0.0
        self._stop = stop
        self._thread = threading.Thread(target=self._run, name="reaper", daemon=True)

    def start(self) -> None:
        """Start passing."""
        self._thread.start()

    def stop(self) -> None:
        """End after the pass under way, and let another lead at once."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.wait(self._period):
            try:
                if self._leads():
                    self.reap_once()
            except Exception:  # top of a loop that must outlive a database that is away
                self._database.tally.count(FAILURES)
                log.exception("reaper pass failed")
        with suppress(Busy):  # the database may be gone before us; the lease ends by itself
            self._database.transact(lease.release, LEASE, self._holder)

    def reap_once(self) -> Reaped:
        """Do one pass, leader or not."""
        reaped = reap(self._database)
        self._database.tally.count(PASSES)
        self._database.tally.stamp(LAST_PASS)
        if reaped:
            log.info("reaped", **asdict(reaped))
        return reaped

    def _leads(self) -> bool:
        """Whether this process leads: trusted for half a term from before it asked, so that it ends before the lease."""
        asked = time.monotonic()
        if asked < self._trusted_until:
            return True
        term = self._database.transact(lease.acquire, LEASE, self._holder, self._lease_seconds)
        self._trusted_until = asked + self._lease_seconds / 2 if term is not None else 0.0
        return term is not None
