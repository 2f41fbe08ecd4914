"""Sends reports: batched, in order, for as long as it takes."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from jobmon_client.api.client import Api
from jobmon_client.api.replies import Reply
from jobmon_client.errors import JobmonError, Malformed
from jobmon_client.loop import Backoff, boot_seconds
from jobmon_client.states import Outcome, TaskInstanceStatus
from jobmon_client.worker.reporting.spool import Spool
from jobmon_client.worker.reporting.spool_file import ENDS

log = structlog.get_logger(__name__)

LONGEST_BATCH = 1_000
LARGEST_BATCH = 4_000_000
LONGEST_PAUSE = 2.0
QUIET = 0.1
"""Seconds without a report after which what was answered is taken from the disk: to empty a file costs as much as to sync it."""
MOST_KEPT = 1_000
"""Answered reports on disk after which it is not waited for that."""


@dataclass(slots=True)
class Pending:
    """A report that the server has not answered yet."""

    report: Mapping[str, Any]
    answered: Callable[[Reply], None]
    spooled: bool = False
    sent_at: float | None = None

    def size(self) -> int:
        """Return about how many bytes it adds to a batch."""
        return 300 + sum(len(value) for value in self.report.values() if isinstance(value, str))


def stamp(batch: Iterable[Pending]) -> None:
    """Note of those that are sent for the first time that it is now."""
    now = boot_seconds()
    for pending in batch:
        if pending.sent_at is None:
            pending.sent_at = now


class ReportSender:
    """A thread that sends what waits as one call of /reports; reports of one instance keep their order.

    What says how a command ended is on disk before it is sent. An unreachable server only makes it try again.
    """

    def __init__(self, api: Api, *, window: float = 0.001, spool: Spool | None = None) -> None:
        """Wait `window` seconds for company before a lone report is sent; `api` must not retry by itself for long."""
        self._api = api
        self._window = window
        self._spool = spool
        self._waiting: deque[Pending] = deque()
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._away = False
        self._answered = 0
        self._backoff = Backoff(0.05, LONGEST_PAUSE)
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def start(self) -> None:
        """Begin; what earlier workers could not send goes first."""
        for report in self._spool.leftovers() if self._spool else ():
            self._waiting.append(Pending(report, lambda _reply: None, spooled=True))
        self._thread.start()

    def send(self, report: Mapping[str, Any], answered: Callable[[Reply], None]) -> None:
        """Send it when its turn comes; `answered` is called once, in the reporter's thread."""
        with self._changed:
            self._waiting.append(Pending(report, answered))
            self._changed.notify()

    def stop(self, patience: float) -> int:
        """End the thread, sending what waits for at most `patience` seconds; return how many reports were not sent."""
        deadline = time.monotonic() + patience
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, timeout=max(0.0, patience))
            self._stop.set()
            self._changed.notify()
        self._thread.join(max(0.1, deadline - time.monotonic()))
        with self._changed:
            unsent = list(self._waiting)
        self._keep(unsent)
        if self._spool:
            self._spool.close(keep=bool(unsent))
        return len(unsent)

    def _run(self) -> None:
        while not self._stop.is_set():
            batch = self._next_batch()
            if not batch:
                self._clear()
                continue
            self._keep(batch)
            try:
                self._deliver(batch)
            except JobmonError as error:
                self._tell_once(error)
                self._stop.wait(self._backoff.next())
            except Exception:  # the top of a long-lived loop: no result may be lost to a surprise
                log.exception("reports_not_sent")
                self._stop.wait(self._backoff.next())
        self._api.close()

    def _next_batch(self) -> list[Pending]:
        """Return what waits, without taking it away: it is taken away when it has been answered; nothing when it is quiet."""
        with self._changed:
            patience = QUIET if self._answered else None
            if not self._changed.wait_for(lambda: self._waiting or self._stop.is_set(), patience):
                return []
        if len(self._waiting) == 1:  # else they have waited for the call before, and have company
            self._stop.wait(self._window)
        batch: list[Pending] = []
        room = LARGEST_BATCH
        with self._changed:
            for pending in self._waiting:
                room -= pending.size()
                if batch and (room < 0 or len(batch) == LONGEST_BATCH):
                    break
                batch.append(pending)
        return batch

    def _deliver(self, batch: list[Pending]) -> None:
        stamp(batch)
        try:
            answers = self._answers(batch)
        except Malformed:
            if len(batch) == 1:
                answers = [Reply(Outcome.MALFORMED)]
            else:  # one of them is poison: find it, so that the others are not lost with it
                answers = [self._alone(pending) for pending in batch]
        self._tell_once(None)
        self._backoff.reset()
        busy = [one for one, reply in zip(batch, answers, strict=True) if reply.outcome is Outcome.BUSY]
        with self._changed:
            for _ in batch:
                self._waiting.popleft()
            self._waiting.extendleft(reversed(busy))
            self._changed.notify_all()
        for pending, reply in zip(batch, answers, strict=True):
            if reply.outcome is not Outcome.BUSY:
                pending.answered(replace(reply, sent_at=pending.sent_at))
        self._answered += len(batch) - len(busy)
        if self._answered >= MOST_KEPT:
            self._clear()
        if busy:
            self._stop.wait(self._backoff.next())

    def _clear(self) -> None:
        """Take from the disk what was answered: our own as soon as all of it was, others' when nothing waits."""
        self._answered = 0
        if self._spool is None:
            return
        with self._changed:
            waiting = list(self._waiting)
        if not any(one.spooled for one in waiting):
            self._spool.forget()
        if not waiting:
            self._spool.clear()

    def _alone(self, pending: Pending) -> Reply:
        try:
            return self._answers([pending])[0]
        except Malformed:
            return Reply(Outcome.MALFORMED)

    def _answers(self, batch: Sequence[Pending]) -> list[Reply]:
        """Return the reply to each: as listed, or applied as wanted."""
        listed = {
            reply.position: reply for reply in self._api.reports([one.report for one in batch]).outcomes
        }
        return [listed.get(position) or applied(one.report) for position, one in enumerate(batch)]

    def _tell_once(self, trouble: JobmonError | None) -> None:
        """Log that the server went away, and that it came back; not each of the tries between."""
        if trouble is not None and not self._away:
            log.warning("reports_wait_for_the_server", error=str(trouble))
        elif trouble is None and self._away:
            log.warning("reports_are_sent_again")
        self._away = trouble is not None

    def _keep(self, batch: Sequence[Pending]) -> None:
        fresh = [one for one in batch if not one.spooled and one.report["report"] in ENDS]
        if not self._spool or not fresh:
            return
        try:
            self._spool.keep([one.report for one in fresh])
        except OSError:  # the disk is full, say; in memory they still are
            log.exception("results_not_spooled")
            return
        for one in fresh:
            one.spooled = True


def applied(report: Mapping[str, Any]) -> Reply:
    """Return the reply that a batch leaves out because everything went as wanted."""
    wanted = {
        "log_running": TaskInstanceStatus.RUNNING,
        "log_report_by": None,
        "log_done": TaskInstanceStatus.DONE,
        "log_error_worker_node": report.get("error_state"),
    }[report["report"]]
    status = None if wanted is None else TaskInstanceStatus[wanted]
    return Reply(Outcome.APPLIED, status, task_instance_id=report["task_instance_id"])
