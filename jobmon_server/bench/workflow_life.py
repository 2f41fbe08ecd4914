"""A workflow on its way: bound, queued, claimed, launched, in calls as large as the client makes them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from jobmon_server.bench.caller import Caller
from jobmon_server.bench.requests import HOLDER, LONG
from jobmon_server.errors import JobmonServerError

CALL = 10_000
"""Instances a call. All tasks are bound in one: that is what `jobmon run` does."""
STEPS = ("bind", "queue", "claim", "launch")


class Life:
    """One workflow of so many tasks on a cluster of its own; `seconds` by step are of the calls alone."""

    def __init__(self, wire: Caller, size: int, name: str = "life") -> None:
        """Bind the workflow, without tasks."""
        self._size = size
        self.seconds: dict[str, float] = defaultdict(float)
        self.ids: list[int] = []
        self.workflow_id: int = wire.post("/workflow", {"name": name})["workflow_id"]
        self.cluster = f"life-{self.workflow_id}"

    def queue(self, wire: Caller) -> None:
        """Bind the tasks and queue all of them."""
        tasks = [
            {"name": f"task-{number}", "command": f"echo {number}", "cluster": self.cluster}
            for number in range(self._size)
        ]
        self._post(wire, "bind", f"/workflow/{self.workflow_id}/tasks", {"tasks": tasks})
        run = wire.post(f"/workflow/{self.workflow_id}/workflow_run", {"next_report_increment": LONG})
        path = f"/workflow_run/{run['workflow_run_id']}/queue_tasks"
        self.ids = []
        while len(self.ids) < self._size:
            batches = self._post(wire, "queue", path, {"limit": CALL})["batches"]
            self._expect(batches, "queued")
            self.ids += [id for one in batches for id in one["task_instance_ids"]]

    def launch(self, wire: Caller) -> None:
        """Claim them and say that they were launched."""
        claimed = self.claim(wire)
        for batch in claimed:
            steps = [one["array_step_id"] for one in batch["task_instances"]]
            body = {
                "distributor_ids": {str(one): f"job-{one}" for one in steps},
                "next_report_increment": LONG,
            }
            path = f"/array/{batch['array_id']}/batch/{batch['batch_num']}/log_launched"
            self._expect(self._post(wire, "launch", path, body)["applied"] == len(steps), "launched")
        self.ids = [one["task_instance_id"] for batch in claimed for one in batch["task_instances"]]

    def claim(self, wire: Caller) -> list[dict[str, Any]]:
        """Claim all that are queued; return their batches."""
        claimed: list[dict[str, Any]] = []
        while sum(len(one["task_instances"]) for one in claimed) < self._size:
            batches = self.claim_some(wire)
            self._expect(batches, "claimed")
            claimed += batches
        return claimed

    def claim_some(self, wire: Caller) -> list[dict[str, Any]]:
        """Claim what one call may; return the batches."""
        body = {"distributor": HOLDER, "cluster": self.cluster, "limit": CALL, "next_report_increment": LONG}
        batches: list[dict[str, Any]] = self._post(
            wire, "claim", "/task_instance/instantiate_task_instances", body
        )["batches"]
        return batches

    def _post(self, wire: Caller, step: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        reply = wire.post(path, body)
        self.seconds[step] += wire.seconds
        return reply

    def _expect(self, fact: object, what: str) -> None:
        if not fact:
            raise JobmonServerError(
                f"Not all of workflow {self.workflow_id} could be {what}: who else uses it?"
            )
