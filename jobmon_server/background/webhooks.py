"""The duty to post callbacks: outside of any transaction, so that no receiver, however slow, holds up anything else."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import structlog

from jobmon_server.actions.admin import outbox as actions
from jobmon_server.actions.admin.outbox import DueCallback
from jobmon_server.background.http_post import Undelivered, post
from jobmon_server.background.leader_job import LeaderJob
from jobmon_server.config import Settings
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.reads.lookups import read_workflow
from jobmon_server.db.workflows import outbox as queries
from jobmon_server.errors import Unknown
from jobmon_server.redaction import redacted
from jobmon_server.shared_counters import CALLBACKS, COURIER_FAILURES
from jobmon_server.ssrf_guard import ForbiddenTargets

#: How many are posted at one time, and how many are looked up at once.
HANDS = 4
MOST = 40
#: Seconds beyond two timeouts that a try may take before somebody else may try: looking up the host has no timeout.
GRACE_SECONDS = 10.0
LONGEST_ERROR = 1_000

log = structlog.get_logger(__name__)


class WebhookJob(LeaderJob):
    """Delivers at least once: twice if it dies between an answer and the note of it."""

    name = "courier"
    failures = COURIER_FAILURES

    def __init__(self, database: Database, settings: Settings, stop: threading.Event) -> None:
        """Look as often as the reaper does."""
        super().__init__(database, settings, stop, settings.reaper_period)
        self._timeout = settings.callback_timeout
        self._attempts = settings.callback_attempts
        self._delay = settings.callback_delay
        self._forbidden = ForbiddenTargets.parse(settings.callback_forbidden)

    def step(self) -> int:
        """Try what is due; return how many were delivered."""
        due = self.database.read(queries.due, MOST)
        if not due:
            return 0
        with ThreadPoolExecutor(min(HANDS, len(due))) as hands:
            return sum(hands.map(self._try, due))

    def _try(self, callback_id: int) -> bool:
        """Try one, unless somebody else does."""
        if self.stopping.is_set():
            return False
        reserved = 2 * self._timeout + GRACE_SECONDS
        taken = self.database.transact(actions.take, callback_id, reserved)
        if taken is None:
            return False
        error = self._post(taken)
        self.database.tally.count(CALLBACKS, ("false" if error else "true",))
        if error is None:
            self.database.transact(actions.delivered, callback_id)
            log.info("callback delivered", callback_id=callback_id, workflow_id=taken.workflow_id)
            return True
        self.database.transact(
            actions.failed,
            callback_id,
            attempt=taken.attempt,
            error=error[:LONGEST_ERROR],
            most=self._attempts,
            delay=self._delay,
        )
        log.warning("callback not delivered", callback_id=callback_id, attempt=taken.attempt, error=error)
        return False

    def _post(self, taken: DueCallback) -> str | None:
        """Post the news as it stands now; return why it was not taken, or None if it was."""
        try:
            known = self.database.read(read_workflow, taken.workflow_id)
        except Unknown as gone:
            return gone.message
        news = {name: known[name] for name in ("workflow_id", "name", "client_id", "request_id", "tasks")}
        over = known["finished_at"]
        news |= {
            "callback_id": taken.callback_id,
            "status": taken.workflow_status,
            "finished_at": over and f"{over.isoformat(timespec='microseconds')}Z",
        }
        try:
            headers = {"Idempotency-Key": f"jobmon-callback-{taken.callback_id}"}
            post(taken.url, json.dumps(news).encode(), headers, self._timeout, self._forbidden)
        except Undelivered as error:
            return redacted(str(error))
        return None
