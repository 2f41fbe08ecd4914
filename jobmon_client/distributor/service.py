"""The distributor's loop: claim, submit, record; keep alive what the cluster has; kill and triage what it is told.

It holds nothing that it cannot read back from the server, so it can be killed at any line, or run twice.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import structlog

from jobmon_client.api.client import Api
from jobmon_client.clusters.base import Cluster, ExitInfo
from jobmon_client.config import Settings
from jobmon_client.distributor.backoff import FailureBackoff
from jobmon_client.distributor.plugin_calls import asked
from jobmon_client.distributor.steps import (
    ATTEND,
    HELD,
    KEEP_ALIVE,
    WHEN_GIVEN_UP,
    Step,
    Watched,
    report_lost,
)
from jobmon_client.distributor.submission import Submitter
from jobmon_client.errors import ClusterError, Unreachable
from jobmon_client.loop import Backoff
from jobmon_client.states import TaskInstanceStatus
from jobmon_client.worker.reporting.replay import replay

log = structlog.get_logger(__name__)

SHORTEST_WAIT = 0.05
LONGEST_WAIT = 1.0
ATTEND_EVERY = 1.0
CLAIM_LIMIT = 1_000
PAGE = 1_000
REPLAY_EVERY = 60.0


class Distributor:
    """One cluster's distributor; `wake` cuts a wait short, `stop` (set `wake` too) ends the loop."""

    def __init__(
        self,
        api: Api,
        cluster: Cluster,
        cluster_name: str,
        settings: Settings,
        *,
        stop: Event,
        wake: Event,
        workflow_id: int | None = None,
        spool_dir: Path | None = None,
    ) -> None:
        """Serve the cluster of this name; with `workflow_id` claim only what is of that workflow.

        What dead workers left in `spool_dir` is sent now and then.
        """
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._api = api
        self._cluster = cluster
        self._cluster_name = cluster_name
        self._settings = settings
        self._stop = stop
        self._wake = wake
        self._workflow_id = workflow_id
        self._claiming = True
        self.wants_more = True
        """Whether its last claim was filled: if not, nothing waits until somebody queues."""
        self._tries = FailureBackoff(settings.step_retry_delays, settings.step_max_attempts)
        self._submitter = Submitter(api, cluster, cluster_name, settings.next_report_increment, self._tries)
        self._troubles: dict[int, str] = {}
        self._lost: dict[int, ExitInfo] = {}
        self._spool_dir = spool_dir
        self._replay_at = 0.0
        self._attend_at = 0.0
        self._away_since: float | None = None
        self._keep_alive_at = time.monotonic() + settings.heartbeat_interval

    def start(self) -> threading.Thread:
        """Run the loop in a thread of its own."""
        thread = threading.Thread(target=self.run, name=f"distributor {self._cluster_name}", daemon=True)
        thread.start()
        return thread

    def run(self) -> None:
        """Work until `stop` is set; an error is logged and waited out."""
        backoff, pause = Backoff(), SHORTEST_WAIT
        while not self._stop.is_set():
            try:
                pause = SHORTEST_WAIT if self.cycle() else min(LONGEST_WAIT, pause * 2)
                backoff.reset()
            except Unreachable as error:
                pause = backoff.next()
                log.warning("server_unreachable", cluster=self._cluster_name, error=str(error))
            except Exception:  # the top of a long-lived loop: one bad round must not strand all instances
                pause = backoff.next()
                log.exception("distributor_round_failed", cluster=self._cluster_name)
            self._wake.wait(pause)
            self._wake.clear()

    def drain(self) -> None:
        """Claim no more, and look at once for what is to be killed."""
        self._claiming = False
        self._attend_at = 0.0
        self._wake.set()

    def cycle(self) -> bool:
        """Do what is due; return whether there was anything, so that more may follow soon."""
        now = time.monotonic()
        if self._spool_dir is not None and now >= self._replay_at:
            self._replay_at = now + REPLAY_EVERY
            replay(self._api, self._spool_dir)
        self._report_lost()
        self._submitter.submit_again()
        busy = self._claim() > 0
        if now >= self._attend_at:
            attended = self._take_steps(ATTEND)
            self._attend_at = now + (SHORTEST_WAIT if attended else ATTEND_EVERY)
            busy = busy or attended
        if now >= self._keep_alive_at:
            self._keep_alive_at = now + self._settings.heartbeat_interval
            if not self._take_steps(KEEP_ALIVE):
                self.resubmit([])
            if self._holds:
                self.hold(self._watched(HELD))
        return busy

    def _report_lost(self) -> None:
        """Say at once what the cluster has lost, where it says so; what its workers had kept on disk goes first, and counts."""
        lost = getattr(self._cluster, "lost", None)
        if lost is not None:
            self._lost |= lost()
        if not self._lost:
            return
        if self._spool_dir is not None:
            replay(self._api, self._spool_dir)
        report_lost(self, self._lost)
        self._lost = {}

    # -- claim, submit, record -------------------------------------------------------------------------------

    def _claim(self) -> int:
        room = self._cluster.capacity()
        limit = CLAIM_LIMIT if room is None else min(room, CLAIM_LIMIT)
        if not self._claiming or limit <= 0:
            return 0
        claim = self._api.claim(
            self.name,
            self._cluster_name,
            limit,
            next_report_increment=self._settings.next_report_increment,
            workflow_id=self._workflow_id,
        )
        found = self._submitter.submit_all(claim.batches)
        self.wants_more = found >= limit
        return found

    @property
    def waiting(self) -> list[int]:
        """The instances that the cluster could not take yet."""
        return self._submitter.waiting

    # -- what the steps need ---------------------------------------------------------------------------------

    def _take_steps(self, steps: Mapping[TaskInstanceStatus, Step]) -> bool:
        """Do what is to be done about each instance with such a status; return whether there was one."""
        watched = self._watched(steps)
        keys = {_key(steps[one.status], one) for one in watched}
        self._tries.forget_all_but(keys, of={step.__name__ for step in steps.values()})
        for step in dict.fromkeys(steps.values()):
            ones = [one for one in watched if steps[one.status] is step]
            if due := [one for one in ones if self._tries.is_due(_key(step, one))]:
                self._take(step, due)
        return bool(watched)

    def _take(self, step: Step, ones: Sequence[Watched]) -> None:
        """Take one step for some; what the cluster cannot do now is counted, and given up when it was tried too often."""
        self._troubles = {}
        try:
            step(self, ones)
        except ClusterError as error:
            self._troubles = dict.fromkeys((one.task_instance_id for one in ones), str(error))
        given_up = []
        for one in ones:
            if one.task_instance_id not in self._troubles:
                self._tries.succeeded(_key(step, one))
            elif self._tries.failed(_key(step, one)) and not self._holds:
                given_up.append(one)
        if self._troubles:
            reason = next(iter(self._troubles.values()))
            log.warning("step_failed", step=step.__name__, count=len(self._troubles), error=reason)
            if given_up and step in WHEN_GIVEN_UP:
                WHEN_GIVEN_UP[step](self, given_up, reason)

    def _watched(self, statuses: Iterable[TaskInstanceStatus]) -> list[Watched]:
        watched: list[Watched] = []
        while True:
            after = watched[-1].task_instance_id if watched else None
            reply = self._api.task_instances(
                cluster=self._cluster_name, status=",".join(statuses), after=after, limit=PAGE
            )
            page, now = reply["task_instances"], reply.get("now")
            watched += [Watched.parse(one, now) for one in page]
            if len(page) < PAGE:
                return watched

    def extend(self, ids: Sequence[int]) -> None:
        """Promise the server to speak of them again."""
        for start in range(0, len(ids), PAGE):
            self._api.log_report_by_batch(
                ids[start : start + PAGE], next_report_increment=self._settings.next_report_increment
            )

    def hold(self, watched: Iterable[Watched]) -> None:
        """Have the server put their deadlines off where they are."""
        ids = [one.task_instance_id for one in watched if one.distributor_id]
        for start in range(0, len(ids), PAGE):
            self._api.log_report_by_batch(
                ids[start : start + PAGE],
                next_report_increment=self._settings.next_report_increment,
                hold=True,
            )

    @property
    def lost_contact_limit(self) -> float:
        """Seconds after which what is out of touch is ended though it may go on."""
        return self._settings.lost_contact_limit

    @property
    def _holds(self) -> bool:
        """Whether the cluster cannot be asked, and there still is patience with it."""
        away = self._away_since
        return away is not None and time.monotonic() < away + self._settings.cluster_patience

    def resubmit(self, ids: Sequence[int]) -> None:
        """Submit what this distributor holds and never submitted: the reply to its claim was lost."""
        if lost := self._submitter.lost(ids):
            increment = self._settings.next_report_increment
            claim = self._api.instantiate(self.name, lost, next_report_increment=increment)
            self._submitter.submit_all(claim.batches)
        self.extend(self._submitter.waiting)

    def owns(self, watched: Watched) -> bool:
        """Whether this very distributor claimed it."""
        return watched.distributor == self.name

    def alive(self, watched: Iterable[Watched]) -> set[str | None]:
        """Return which of their distributor ids the cluster has; raise ClusterError."""
        ids = [one.distributor_id for one in watched if one.distributor_id]
        try:
            with asked(self._cluster_name, "active"):
                found: set[str | None] = set(self._cluster.active(ids))
        except ClusterError:
            if self._away_since is None:
                self._away_since = time.monotonic()
                self._keep_alive_at = 0.0  # what it has is held at once
            raise
        self._away_since = None
        return found

    def trouble(self, watched: Watched, reason: str) -> None:
        """This one's step failed; the others' did not."""
        self._troubles[watched.task_instance_id] = reason

    def exit_info(self, watched: Watched) -> ExitInfo | None:
        """Return what the cluster knows of its end; raise ClusterError."""
        if watched.distributor_id is None:
            return None
        with asked(self._cluster_name, "exit_info"):
            return self._cluster.exit_info(watched.distributor_id)

    def cancel(self, watched: Iterable[Watched]) -> None:
        """Ask the cluster to end them; raise ClusterError."""
        if ids := [one.distributor_id for one in watched if one.distributor_id]:
            with asked(self._cluster_name, "cancel"):
                self._cluster.cancel(ids)

    def report(self, reports: Iterable[Mapping[str, Any]]) -> None:
        """Send them, many to a call."""
        self._submitter.report(reports)


def _key(step: Step, watched: Watched) -> tuple[str, int]:
    return step.__name__, watched.task_instance_id
