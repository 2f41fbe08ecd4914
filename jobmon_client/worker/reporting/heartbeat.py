"""Heartbeats of everything that runs, in one call; a thread of its own, so that nothing slow can stall it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import structlog

from jobmon_client.api.client import Api
from jobmon_client.api.replies import Reply
from jobmon_client.errors import JobmonError
from jobmon_client.loop import boot_seconds, run_paced
from jobmon_client.states import Outcome
from jobmon_client.worker.reporting.pace import Pace

log = structlog.get_logger(__name__)

LONGEST_BATCH = 10_000


class Heartbeats:
    """Extends the deadlines of `running()` at a pace, and hands each order that it brings back to `obey`."""

    def __init__(
        self,
        api: Api,
        *,
        pace: Pace,
        running: Callable[[], Sequence[int]],
        obey: Callable[[Reply], None],
        heard: Callable[[Sequence[int], float, float], None] = lambda _ids, _sent_at, _increment: None,
        unkillable: Callable[[], Collection[int]] = frozenset,
    ) -> None:
        """Promise the server to speak again as the pace says; `api` must give up within the interval.

        `heard` is given what the server has heard of, when that was sent (CLOCK_BOOTTIME), and what it was promised;
        `unkillable` says which of those that run were killed, and run.
        """
        self._api = api
        self._pace = pace
        self._running = running
        self._obey = obey
        self._heard = heard
        self._unkillable = unkillable
        self._stop = threading.Event()
        self._away = False
        self._asked: set[int] = set()
        self._bell = threading.Event()
        self._threads = [
            threading.Thread(
                target=run_paced,
                args=(lambda: pace.interval, self._beat, self._stop, pace.changed),
                name="heartbeat",
                daemon=True,
            ),
            threading.Thread(target=self._answer_questions, name="check", daemon=True),
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def check(self, ids: Iterable[int]) -> None:
        """Ask the server about these at once: somebody says that it has something to tell."""
        self._asked.update(ids)
        self._bell.set()

    def stop(self) -> None:
        """End; a call in flight is not waited for."""
        self._stop.set()
        self._pace.changed.set()
        self._bell.set()

    def _answer_questions(self) -> None:
        while not self._stop.is_set():
            self._bell.wait()
            self._bell.clear()
            asked = [self._asked.pop() for _ in range(len(self._asked))]
            self._ask([one for one in asked if one in self._running()])

    def _beat(self) -> None:
        running, dying = self._running(), self._unkillable()
        self._ask([one for one in running if one not in dying] if dying else running)
        if dying:
            self._ask([one for one in running if one in dying], unkillable=True)

    def _ask(self, ids: Sequence[int], **facts: Any) -> None:
        for first in range(0, len(ids), LONGEST_BATCH):
            part = ids[first : first + LONGEST_BATCH]
            sent_at, increment = boot_seconds(), self._pace.increment
            try:
                reply = self._api.log_report_by_batch(part, next_report_increment=increment, **facts)
            except JobmonError as error:  # no reply is no order: the commands run on
                if not self._away:
                    log.warning("heartbeat_not_sent", count=len(part), error=str(error))
                self._away = True
                continue
            self._away = False
            unheard = {one.task_instance_id for one in reply.outcomes if one.outcome is not Outcome.APPLIED}
            self._heard([one for one in part if one not in unheard] if unheard else part, sent_at, increment)
            for order in reply.outcomes:
                self._obey(order)
