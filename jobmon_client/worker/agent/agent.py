"""The node agent: runs many commands from one process, without starting Python for any of them.

One thread owns all jobs, starts and signals every command, and waits for all of them at once; the reporter and
the heartbeats have threads of their own and only post to it. The server decides: a command starts when its
log_running was applied and the status is RUNNING, and ends when any reply says so. No reply is no order.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

import structlog

from jobmon_client.access.credentials import Credentials
from jobmon_client.api.client import Api
from jobmon_client.config import Settings
from jobmon_client.http import Http
from jobmon_client.worker.agent.changes import Change
from jobmon_client.worker.agent.job import Reports, unkillable
from jobmon_client.worker.agent.starting import Starter
from jobmon_client.worker.agent.supervisor import Supervisor
from jobmon_client.worker.process.families import Families
from jobmon_client.worker.process.items import WorkItem
from jobmon_client.worker.process.process_watch import ProcessWatch
from jobmon_client.worker.process.subreaper import Subreaper
from jobmon_client.worker.process.waiter import Waiter
from jobmon_client.worker.reporting.heartbeat import Heartbeats
from jobmon_client.worker.reporting.pace import Pace
from jobmon_client.worker.reporting.reporter import ReportSender
from jobmon_client.worker.reporting.spool import Spool

log = structlog.get_logger(__name__)

LAST_WORDS = 1.0
STOP_PATIENCE = 10.0


class Agent:
    """Supervises up to `settings.concurrency` commands; its methods may be called from any thread."""

    def __init__(
        self,
        settings: Settings,
        *,
        changed: Callable[[Change], None] = lambda _change: None,
        worker_id: str | None = None,
        spool_dir: Path | None = None,
        last_patience: float = 600.0,
        subreaper: Subreaper | None = None,
        open_files: int | None = None,
    ) -> None:
        """Report to `settings.server_url`; `changed` is called in the agent's thread.

        After `finish`, an agent that has a spool waits for a missing server `last_patience` seconds and no longer. A
        `subreaper` is to be served by the main thread until the agent has ended. Commands get `open_files` as their soft
        limit of open files, None for ours.
        """
        self.worker_id = worker_id or str(uuid.uuid4())
        self._settings = settings
        self._changed = changed
        self._closing = False
        self._last_patience = last_patience if spool_dir else None
        self._give_up_at: float | None = None
        self._waiter = Waiter()
        spool = Spool(spool_dir, self.worker_id) if spool_dir else None
        self._reporter = ReportSender(self._api(settings.request_timeout, 0.0), spool=spool)
        pace = Pace(settings)
        reports = Reports(self.worker_id, pace)
        self._watch = ProcessWatch(spool_dir, self.worker_id, settings.log_dir)
        self._subreaper = subreaper
        families = Families(subreaper)
        for pid in self._watch.pids:
            families.exempt(pid)
        starter = Starter(families, self._watch, open_files, settings.server_url)
        self._supervisor = Supervisor(settings, reports, self._reporter, self._waiter, families, starter)
        self._heartbeats = self._make_heartbeats(pace)
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._run, name="agent", daemon=True)

    def _make_heartbeats(self, pace: Pace) -> Heartbeats:
        settings, supervisor = self._settings, self._supervisor
        return Heartbeats(
            self._api(min(settings.request_timeout, pace.increment / 2), settings.heartbeat_interval / 2),
            pace=pace,
            running=supervisor.held,
            obey=lambda reply: self._waiter.post(lambda: supervisor.obey(reply)),
            heard=lambda *told: self._waiter.post(lambda: supervisor.contacts.all_heard(*told)),
            unkillable=lambda: unkillable(tuple(supervisor.running.values())),
        )

    def _api(self, timeout: float, budget: float) -> Api:
        server_url = self._settings.server_url or ""
        return Api(
            Http(server_url, timeout=timeout, budget=budget, credentials=Credentials.of(self._settings))
        )

    def start(self) -> None:
        """Begin."""
        self._reporter.start()
        self._heartbeats.start()
        self._thread.start()

    def submit(self, items: Iterable[WorkItem]) -> None:
        """Accept these; one that is in hand already is not taken twice."""
        accepted = tuple(items)
        self._waiter.post(lambda: self._accept(accepted))

    def cancel(self, ids: Iterable[int]) -> None:
        """End these, or do not start them."""
        wanted = tuple(ids)
        self._waiter.post(lambda: self._supervisor.end_all(wanted, "the command was cancelled"))

    def check(self, ids: Iterable[int]) -> None:
        """Ask the server at once what it wants of these."""
        self._heartbeats.check(ids)

    def answer(self, call: Callable[[], None]) -> None:
        """Have this called in the agent's thread, which shows that it works."""
        self._waiter.post(call)

    def finish(self) -> None:
        """Finish what was accepted, then end."""
        self._waiter.post(self._close)

    def stop(self, patience: float | None = None) -> None:
        """End all commands and report it, for at most `patience` seconds (by default 10 more than their grace).

        What cannot be sent by then is spooled.
        """
        seconds = self._settings.kill_grace + STOP_PATIENCE if patience is None else patience
        self._waiter.post(lambda: self._stop(seconds))

    def __enter__(self) -> Self:
        """Begin."""
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Finish what was accepted; after an exception end it. What cannot be sent is on disk."""
        if exception[0] is None:
            self.finish()
        else:
            self.stop()
        self.wait()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the agent has ended, at most `timeout` seconds; return whether it has."""
        return self._finished.wait(timeout)

    def _run(self) -> None:
        while not self._over() or self._supervisor.changes.wait() is not None:
            try:
                self._waiter.wait(self._timeout())
                self._supervisor.keep_time()
                self._supervisor.ask_leave()
                self._lose_patience()
                self._watch.flush()
                if (change := self._supervisor.changes.take()) is not None:
                    self._changed(change)
            except Exception:  # the top of a long-lived loop: the other commands need us
                log.exception("agent_step_failed")
        self._heartbeats.stop()
        self._supervisor.abandon()
        self._supervisor.contacts.close()
        self._watch.close()
        patience = LAST_WORDS if self._give_up_at is None else max(0.0, self._give_up_at - time.monotonic())
        unsent = self._reporter.stop(patience)
        log.info("agent_ended", unsent_reports=unsent, abandoned=len(self._supervisor.jobs))
        self._finished.set()
        if self._subreaper is not None:
            self._subreaper.wake()

    def _over(self) -> bool:
        gave_up = self._give_up_at is not None and time.monotonic() >= self._give_up_at
        return gave_up or (self._closing and not self._supervisor.jobs)

    def _lose_patience(self) -> None:
        """Once the last command has ended, results that are on disk need not be waited for without end."""
        if not self._closing or self._give_up_at is not None or self._last_patience is None:
            return
        if self._supervisor.only_reports_left():
            self._give_up_at = time.monotonic() + self._last_patience

    def _timeout(self) -> float | None:
        waits = [self._supervisor.timeout(), self._supervisor.changes.wait()]
        if self._give_up_at is not None:
            waits.append(max(0.0, self._give_up_at - time.monotonic()))
        return min((one for one in waits if one is not None), default=None)

    def _accept(self, items: Iterable[WorkItem]) -> None:
        if self._give_up_at is None:
            self._supervisor.accept(items)

    def _close(self) -> None:
        self._closing = True

    def _stop(self, patience: float) -> None:
        self._closing = True
        if self._give_up_at is None:
            self._give_up_at = time.monotonic() + patience
        self._supervisor.end_all(tuple(self._supervisor.jobs), "the agent was stopped")
