"""The duty to act on deadlines: what is overdue is passed over, every period."""

from __future__ import annotations

import threading
from dataclasses import asdict, replace

import structlog

from jobmon_server.actions.reporting.deadlines import Reaped, reap
from jobmon_server.actions.reporting.grace import give_grace
from jobmon_server.background.leader_job import LeaderJob
from jobmon_server.config import Settings
from jobmon_server.db.admin import lease
from jobmon_server.db.core.transaction import Database
from jobmon_server.shared_counters import FAILURES, LAST_PASS, PASSES

log = structlog.get_logger(__name__)


class Reaper(LeaderJob):
    """Safe beside others, for each write looks again under its lock."""

    name = "reaper"
    failures = FAILURES

    def __init__(self, database: Database, settings: Settings, stop: threading.Event) -> None:
        """Take from the settings the seconds between two passes."""
        super().__init__(database, settings, stop, settings.reaper_period)

    def step_once(self) -> Reaped:
        """Do one pass without the lease."""
        self.lead = self.database.transact(lease.lead_once, self.name, self.lease_seconds)
        return self.step()

    def step(self) -> Reaped:
        """Do one pass; of a leader that is back, first give what lives its time again."""
        if self.lead is not None and self.lead.back_at is not None:
            given = give_grace(self.database, self.name, self.lead)
            self.lead = replace(self.lead, back_at=None)
            if given:
                log.info("deadlines given anew", number=given)
        reaped = reap(self.database, None if self.lead is None else self.lead.until)
        self.database.tally.count(PASSES)
        self.database.tally.stamp(LAST_PASS)
        if reaped:
            log.info("reaped", **asdict(reaped))
        return reaped
