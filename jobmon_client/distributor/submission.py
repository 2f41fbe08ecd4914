"""Claimed batches on their way to the cluster: submitted, recorded, tried again when the cluster cannot take them now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from jobmon_client.api.client import Api
from jobmon_client.clusters.base import Batch, Cluster, Item
from jobmon_client.distributor.backoff import FailureBackoff
from jobmon_client.distributor.plugin_calls import asked
from jobmon_client.errors import ClusterError
from jobmon_client.states import Outcome
from jobmon_client.worker.process.items import merged_environment

log = structlog.get_logger(__name__)

REPORTS_IN_A_CALL = 1_000
SUBMIT = "submit"


@dataclass(frozen=True, slots=True)
class DelayedBatch:
    """A batch that the cluster could not take, and why."""

    batch: Batch
    reason: str


class Submitter:
    """Hands batches to one cluster and tells the server what became of each item."""

    def __init__(
        self, api: Api, cluster: Cluster, cluster_name: str, increment: float, tries: FailureBackoff
    ) -> None:
        """Promise the server to speak again of what was launched within `increment` seconds."""
        self._api = api
        self._cluster = cluster
        self._cluster_name = cluster_name
        self._increment = increment
        self._tries = tries
        self._seen: set[int] = set()
        self._waiting: list[DelayedBatch] = []

    @property
    def waiting(self) -> list[int]:
        """The instances whose batch is to be submitted again: claimed, and known to the cluster under no id."""
        return [item.task_instance_id for one in self._waiting for item in one.batch.items]

    def submit_all(self, claimed: Iterable[Mapping[str, Any]]) -> int:
        """Submit batches as the server gives them; return how many instances they had."""
        batches = [batch_of(one) for one in claimed]
        for batch in batches:
            self._submit(batch)
        return sum(len(batch.items) for batch in batches)

    def submit_again(self) -> None:
        """Submit what the cluster could not take before, where its time has come."""
        due = [one for one in self._waiting if self._tries.is_due(_key(one.batch))]
        self._waiting = [one for one in self._waiting if one not in due]
        for one in due:
            self._submit(one.batch)

    def lost(self, ids: Iterable[int]) -> list[int]:
        """Return those of what is held that were never seen here: the reply to their claim was lost. Forget all others."""
        held = list(ids)
        found = [one for one in held if one not in self._seen]
        self._seen.intersection_update(held)
        self._drop_all_but(set(held))
        return found

    def _drop_all_but(self, held: set[int]) -> None:
        """Of what waits keep only what is still ours: the rest was stopped meanwhile."""
        kept: list[DelayedBatch] = []
        for one in self._waiting:
            items = tuple(item for item in one.batch.items if item.task_instance_id in held)
            if items:
                kept.append(replace(one, batch=replace(one.batch, items=items)))
        self._waiting = kept

    def _submit(self, batch: Batch) -> None:
        self._seen.update(item.task_instance_id for item in batch.items)
        key = _key(batch)
        try:
            with asked(self._cluster_name, "submit"):
                distributor_ids = self._cluster.submit(batch)
        except ClusterError as error:
            reason = str(error)
            log.warning("submit_failed", cluster=self._cluster_name, array_id=batch.array_id, error=reason)
            if self._tries.failed(key):
                self._refuse(batch.items, reason)
            else:
                self._waiting.append(DelayedBatch(batch, reason))
            return
        self._tries.succeeded(key)
        refused = [item for item in batch.items if item.array_step_id not in distributor_ids]
        self._refuse(refused, "the cluster gave no id for it")
        if distributor_ids:
            self._record(batch, distributor_ids)

    def _refuse(self, items: Iterable[Item], reason: str) -> None:
        self.report(
            {
                "task_instance_id": item.task_instance_id,
                "report": "log_no_distributor_id",
                "error_message": reason,
            }
            for item in items
        )

    def _record(self, batch: Batch, distributor_ids: Mapping[int, str]) -> None:
        increment = self._increment
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

    def report(self, reports: Iterable[Mapping[str, Any]]) -> None:
        """Send them, many to a call."""
        waiting = list(reports)
        for start in range(0, len(waiting), REPORTS_IN_A_CALL):
            self._api.reports(waiting[start : start + REPORTS_IN_A_CALL])


def _key(batch: Batch) -> tuple[str, int, int, int]:
    return SUBMIT, batch.array_id, batch.batch_num, batch.items[0].task_instance_id


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
                working_directory=one.get("working_directory"),
                environment=merged_environment(claimed.get("environment"), one.get("environment")),
                attempt=one.get("attempt"),
            )
            for one in claimed["task_instances"]
        ),
    )
