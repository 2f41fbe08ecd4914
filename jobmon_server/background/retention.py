"""The duty to keep house: what is past its time is flagged and later goes, every period."""

from __future__ import annotations

import threading
from dataclasses import asdict

import structlog

from jobmon_server.actions.retention.retention_pass import RetentionResult, run_retention_pass
from jobmon_server.background.leader_job import LeaderJob
from jobmon_server.config import Settings
from jobmon_server.db.core.transaction import Database
from jobmon_server.shared_counters import KEEPER_FAILURES, KEEPER_PASSES, KEPT

log = structlog.get_logger(__name__)


class RetentionJob(LeaderJob):
    """Safe beside others, for each write looks again under its lock; between two batches it can be ended."""

    name = "keeper"
    failures = KEEPER_FAILURES

    def __init__(self, database: Database, settings: Settings, stop: threading.Event) -> None:
        """Take from the settings the seconds between two passes, and for how long what is kept."""
        super().__init__(database, settings, stop, settings.keeper_period)
        self._settings = settings
        self._journal_after = 0

    def step(self) -> RetentionResult:
        """Do one pass."""
        kept = run_retention_pass(
            self.database,
            self._settings,
            lambda: not self.stopping.is_set(),
            journal_after=self._journal_after,
        )
        self._journal_after = kept.journal_after
        log_retention(self.database, kept)
        return kept


def log_retention(database: Database, kept: RetentionResult) -> None:
    """Count a pass, and log what it did."""
    database.tally.count(KEEPER_PASSES)
    for what in ("flagged", "purged", "removed", "failed"):
        database.tally.count(KEPT, (what,), len(getattr(kept, what)))
    if kept:
        # Those that stay are many, and the same at each pass.
        facts = asdict(kept)
        log.info("kept", **facts | {"kept": len(kept.kept), "held": len(kept.held)})
