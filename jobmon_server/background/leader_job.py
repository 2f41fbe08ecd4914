"""What one server process among many does again and again, beside the requests: it leads by a lease of the database."""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import ClassVar

import structlog

from jobmon_server.config import Settings
from jobmon_server.db.admin import lease
from jobmon_server.db.admin.lease import Lead
from jobmon_server.db.core.transaction import Database
from jobmon_server.errors import Busy
from jobmon_server.shared_counters import DUTY_FAILING, DUTY_RESTARTS, Family

#: How long a step under way is waited for at the end.
PATIENCE_SECONDS = 5.0

log = structlog.get_logger(__name__)


class LeaderJob(ABC):
    """A thread that takes a step every `period` seconds while it leads; its steps must be safe beside another's all the same.

    Duties of one process share the event that ends them.
    """

    #: What it, its lease and its thread are called, and where its failed steps are counted.
    name: ClassVar[str]
    failures: ClassVar[Family]

    def __init__(self, database: Database, settings: Settings, stop: threading.Event, period: float) -> None:
        """Take from the settings the seconds that a leader may be silent."""
        self.database = database
        self.stopping = stop
        self._period = period
        self.lease_seconds = settings.lease
        self.lead: Lead | None = None
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._trusted_until = 0.0
        self._thread = threading.Thread(target=self._keep_running, name=self.name, daemon=True)

    @abstractmethod
    def step(self) -> object:
        """Do what is due now, leader or not."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the step under way, and let another lead at once."""
        self.stopping.set()
        self._thread.join(timeout=PATIENCE_SECONDS)

    def _keep_running(self) -> None:
        """Run until the end, whatever comes: who left the loop by any other way is put back into it."""
        while not self.stopping.is_set():
            try:
                self._run()
            except BaseException:  # SystemExit too: without this thread nobody acts on deadlines
                tally = self.database.tally
                tally.count(DUTY_RESTARTS, (self.name,))
                tally.stamp_once(DUTY_FAILING, (self.name,))
                log.exception("duty ended, started again", duty=self.name)

    def _run(self) -> None:
        tally = self.database.tally
        while not self.stopping.wait(self._period):
            try:
                if self._leads():
                    self.step()
                tally.clear(DUTY_FAILING, (self.name,))
            except Exception:  # top of a loop that must outlive a database that is away
                tally.count(self.failures)
                tally.stamp_once(DUTY_FAILING, (self.name,))
                log.exception("duty failed", duty=self.name)
        with suppress(Busy):  # the database may be gone before us; the lease ends by itself
            self.database.transact(lease.release, self.name, self._holder)

    def _leads(self) -> bool:
        """Whether this process leads: trusted for half a term from before it asked, so that it ends before the lease."""
        # A clock that goes on while the machine sleeps: others may have led meanwhile.
        asked = time.clock_gettime(time.CLOCK_BOOTTIME)
        if asked < self._trusted_until:
            return True
        self.lead = self.database.transact(lease.acquire, self.name, self._holder, self.lease_seconds)
        self._trusted_until = asked + self.lease_seconds / 2 if self.lead is not None else 0.0
        return self.lead is not None
