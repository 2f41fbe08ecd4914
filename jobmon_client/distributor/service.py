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
from threading import Event
from typing import Any

import structlog

from jobmon_client.api import Api
from jobmon_client.clusters.base import Batch, Cluster, ExitInfo, Item
from jobmon_client.config import Settings
from jobmon_client.distributor.steps import ATTEND, KEEP_ALIVE, Step, Watched
from jobmon_client.errors import Unreachable
from jobmon_client.loop import Backoff
from jobmon_client.states import Outcome, TaskInstanceStatus

log = structlog.get_logger(__name__)

SHORTEST_WAIT = 0.05
LONGEST_WAIT = 1.0
ATTEND_EVERY = 1.0
CLAIM_LIMIT = 1_000
PAGE = 1_000
REPORTS_IN_A_CALL = 1_000


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
    ) -> None:
        """Serve the cluster of this name; with `workflow_id` claim only what is of that workflow."""
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._api = api
        self._cluster = cluster
        self._cluster_name = cluster_name
        self._settings = settings
        self._stop = stop
        self._wake = wake
        self._workflow_id = workflow_id
        self._claiming = True
        self._submitted: set[int] = set()
        self._attend_at = 0.0
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
        busy = self._claim() > 0
        now = time.monotonic()
        if now >= self._attend_at:
            attended = self._take_steps(ATTEND)
            self._attend_at = now + (SHORTEST_WAIT if attended else ATTEND_EVERY)
            busy = busy or attended
        if now >= self._keep_alive_at:
            self._keep_alive_at = now + self._settings.heartbeat_interval
            self._take_steps(KEEP_ALIVE)
        return busy

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
        return self._submit_all(claim.batches)

    def _submit_all(self, claimed: Iterable[Mapping[str, Any]]) -> int:
        count = 0
        for batch in map(batch_of, claimed):
            count += len(batch.items)
            self._submit(batch)
        return count

    def _submit(self, batch: Batch) -> None:
        self._submitted.update(item.task_instance_id for item in batch.items)
        reason = "the cluster gave no id for it"
        distributor_ids: Mapping[int, str] = {}
        try:
            distributor_ids = self._cluster.submit(batch)
        except Exception as error:  # a plugin may raise anything; its batch must not wait for a deadline
            log.exception("submit_failed", cluster=self._cluster_name, array_id=batch.array_id)
            reason = f"{type(error).__name__}: {error}"
        refused = [item for item in batch.items if item.array_step_id not in distributor_ids]
        self.report(
            {
                "task_instance_id": item.task_instance_id,
                "report": "log_no_distributor_id",
                "error_message": reason,
            }
            for item in refused
        )
        if distributor_ids:
            self._record(batch, distributor_ids)

    def _record(self, batch: Batch, distributor_ids: Mapping[int, str]) -> None:
        increment = self._settings.next_report_increment
        steps = {item.task_instance_id: item.array_step_id for item in batch.items}
        reply = self._api.log_launched(
            batch.array_id, batch.batch_num, distributor_ids, next_report_increment=increment
        )
        if getattr(self._cluster, "workers_know_their_id", False):
            return
        late = [one.task_instance_id for one in reply.outcomes if one.outcome is Outcome.UNTIMELY]
        self.report(
            {
                "task_instance_id": one,
                "report": "log_distributor_id",
                "distributor_id": distributor_ids[steps[one]],
                "next_report_increment": increment,
            }
            for one in late
            if one in steps
        )

    # -- what the steps need ---------------------------------------------------------------------------------

    def _take_steps(self, steps: Mapping[TaskInstanceStatus, Step]) -> bool:
        """Do what is to be done about each instance with such a status; return whether there was one."""
        watched = self._watched(steps)
        for step in dict.fromkeys(steps.values()):
            if ones := [one for one in watched if steps[one.status] is step]:
                step(self, ones)
        return bool(watched)

    def _watched(self, statuses: Iterable[TaskInstanceStatus]) -> list[Watched]:
        watched: list[Watched] = []
        while True:
            after = watched[-1].task_instance_id if watched else None
            page = self._api.task_instances(
                cluster=self._cluster_name, status=",".join(statuses), after=after, limit=PAGE
            )["task_instances"]
            watched += map(Watched.parse, page)
            if len(page) < PAGE:
                return watched

    def extend(self, ids: Sequence[int]) -> None:
        """Promise the server to speak of them again."""
        for start in range(0, len(ids), PAGE):
            self._api.log_report_by_batch(
                ids[start : start + PAGE], next_report_increment=self._settings.next_report_increment
            )

    def resubmit(self, ids: Sequence[int]) -> None:
        """Submit what this distributor holds and never submitted: the reply to its claim was lost."""
        lost = [one for one in ids if one not in self._submitted]
        self._submitted.intersection_update(ids)
        if lost:
            increment = self._settings.next_report_increment
            self._submit_all(self._api.instantiate(self.name, lost, next_report_increment=increment).batches)

    def owns(self, watched: Watched) -> bool:
        """Whether this very distributor claimed it."""
        return watched.distributor == self.name

    def alive(self, watched: Iterable[Watched]) -> set[str | None]:
        """Return which of their distributor ids the cluster has."""
        return set(self._cluster.active([one.distributor_id for one in watched if one.distributor_id]))

    def exit_info(self, watched: Watched) -> ExitInfo | None:
        """Return what the cluster knows of its end."""
        return self._cluster.exit_info(watched.distributor_id) if watched.distributor_id else None

    def cancel(self, watched: Iterable[Watched]) -> None:
        """Ask the cluster to end them."""
        if ids := [one.distributor_id for one in watched if one.distributor_id]:
            self._cluster.cancel(ids)

    def report(self, reports: Iterable[Mapping[str, Any]]) -> None:
        """Send them, many to a call."""
        waiting = list(reports)
        for start in range(0, len(waiting), REPORTS_IN_A_CALL):
            self._api.reports(waiting[start : start + REPORTS_IN_A_CALL])


def batch_of(claimed: Mapping[str, Any]) -> Batch:
    """Make what a cluster is given from the wire's batch with details."""
    return Batch(
        array_id=claimed["array_id"],
        array_name=claimed["array_name"],
        batch_num=claimed["batch_num"],
        cluster=claimed["cluster"],
        queue=claimed["queue"],
        requested_resources=claimed["requested_resources"] or {},
        items=tuple(
            Item(
                task_instance_id=one["task_instance_id"],
                array_step_id=one["array_step_id"],
                name=one["name"],
                command=one["command"],
                task_id=one["task_id"],
                workflow_id=one["workflow_id"],
                workflow_run_id=one["workflow_run_id"],
            )
            for one in claimed["task_instances"]
        ),
    )
