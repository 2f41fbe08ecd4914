"""No processes at all: every instance is RUNNING and DONE at once. For trying out a workflow's shape, and for load."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Collection

import structlog

from jobmon_client.access.credentials import Credentials
from jobmon_client.api.client import Api
from jobmon_client.clusters.base import Batch, ClusterContext, ExitInfo
from jobmon_client.http import Http

log = structlog.get_logger(__name__)

INSTANCES_IN_A_CALL = 2_000


class DummyCluster:
    """Speaks for the workers that it does not have; a distributor id is `dummy:<task instance id>`."""

    workers_know_their_id = True

    def __init__(self, context: ClusterContext) -> None:
        """Report to the context's server."""
        settings = context.settings
        self._context = context
        self._worker_id = str(uuid.uuid4())
        http = Http(
            context.server_url,
            timeout=settings.request_timeout,
            budget=settings.retry_budget,
            credentials=Credentials.of(settings),
        )
        self._api = Api(http)

    def start(self) -> None:
        """Nothing to get ready."""

    def submit(self, batch: Batch) -> dict[int, str]:
        """Report the whole batch as run."""
        ids = {item.array_step_id: f"dummy:{item.task_instance_id}" for item in batch.items}
        for start in range(0, len(batch.items), INSTANCES_IN_A_CALL):
            items = batch.items[start : start + INSTANCES_IN_A_CALL]
            running = [self._running(item.task_instance_id, ids[item.array_step_id]) for item in items]
            done = [self._done(item.task_instance_id) for item in items]
            refused = self._api.reports([*running, *done]).outcomes
            if refused:  # told to stop, most likely
                log.warning("not_run", count=len(refused), first=dict(refused[0].body))
        self._context.on_change()
        return ids

    def _running(self, task_instance_id: int, distributor_id: str) -> dict[str, object]:
        return {
            "task_instance_id": task_instance_id,
            "report": "log_running",
            "worker_id": self._worker_id,
            "nodename": socket.gethostname(),
            "process_group_id": os.getpgrp(),
            "distributor_id": distributor_id,
            "next_report_increment": self._context.settings.next_report_increment,
        }

    def _done(self, task_instance_id: int) -> dict[str, object]:
        return {"task_instance_id": task_instance_id, "report": "log_done", "worker_id": self._worker_id}

    def active(self, distributor_ids: Collection[str]) -> set[str]:  # noqa: ARG002 - nothing ever runs
        """Return none."""
        return set()

    def cancel(self, distributor_ids: Collection[str]) -> None:
        """Nothing to end."""

    def exit_info(self, distributor_id: str) -> ExitInfo | None:  # noqa: ARG002 - it keeps no books
        """Know nothing."""
        return None

    def capacity(self) -> int | None:
        """Set no limit."""
        return None

    def stop(self) -> None:
        """Let go of the connection."""
        self._api.close()
