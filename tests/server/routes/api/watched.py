"""A path that looks at everything after each call and writes down which edges it saw crossed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from jobmon_client.states import TaskInstanceStatus, TaskStatus
from tests.support.path import Path, Reply

Crossing = tuple[str, str]
ERROR_RECOVERABLE = TaskStatus.ERROR_RECOVERABLE.value


@dataclass
class Crossed:
    """What was crossed so far, by machine; and the untimely pairs that were seen."""

    edges: defaultdict[str, set[Crossing]] = field(default_factory=lambda: defaultdict(set))
    untimely: set[Crossing] = field(default_factory=set)


@dataclass
class Watched(Path):
    """Reads the statuses of workflow, run and tasks after each call, and the journals when asked."""

    crossed: Crossed = field(default_factory=Crossed)
    seen: dict[tuple[str, int], str] = field(default_factory=dict)

    def post(self, path: str, **body: Any) -> Reply:
        """POST JSON, then look."""
        reply = super().post(path, **body)
        self.look()
        return reply

    def look(self) -> None:
        """Write down every status that is another than at the last look."""
        if not self.workflow_id:
            return
        if ("workflow", self.workflow_id) not in self.seen:
            self.seen.clear()  # another one was bound
        workflow = self.workflow()
        self._saw("workflow", self.workflow_id, workflow["status"])
        self._saw_runs(workflow["workflow_run_id"], workflow["workflow_run_status"])
        for one in self.get(f"/workflow/{self.workflow_id}/tasks?limit=1000")["tasks"]:
            self._saw("task", one["task_id"], one["status"])

    def _saw(self, machine: str, of_id: int, status: str) -> None:
        was = self.seen.get((machine, of_id), status)
        self.seen[machine, of_id] = status
        if was == status:
            return
        hops = [(was, status)]
        if machine == "task" and not is_task_edge(was, status):
            hops = [(was, ERROR_RECOVERABLE), (ERROR_RECOVERABLE, status)]
        self.crossed.edges[machine].update(hops)

    def _saw_runs(self, run_id: int | None, status: str | None) -> None:
        for machine, known in list(self.seen):
            if machine == "workflow_run" and known != run_id:
                self._saw(machine, known, self._status_of_former(known))
        if run_id is not None and status is not None:
            self._saw("workflow_run", run_id, status)

    def _status_of_former(self, run_id: int) -> str:
        """A run that is not the last one has ended: its heartbeat is refused, and says how it ended."""
        path = f"/api/v1/workflow_run/{run_id}/log_heartbeat"
        reply = self.client.post(path, json={"next_report_increment": 1})
        assert reply.status_code == 409
        return str(reply.get_json()["status"])

    def read_journals(self) -> None:
        """Write down what the journals of all instances of the workflow say."""
        self.look()
        for one in self.get(f"/workflow/{self.workflow_id}/tasks?limit=1000")["tasks"]:
            for instance in self.get(f"/task/{one['task_id']}")["task_instance_ids"]:
                for was, to, outcome in self.journal(instance):
                    self._read(was, to, outcome)

    def _read(self, was: str | None, to: str, outcome: str) -> None:
        if was is None:
            assert to == TaskInstanceStatus.QUEUED
        elif outcome == "applied":
            self.crossed.edges["task_instance"].add((was, to))
        elif outcome == "untimely":
            self.crossed.untimely.add((was, to))


def is_task_edge(was: str, to: str) -> bool:
    """Whether one step leads there; the tables of the contract say so, not those that run."""
    from tests.server.fsm.contract import TASK_CODES, TASK_EDGES, TASK_OPERATOR_EDGES

    return TASK_CODES[was] + TASK_CODES[to] in {*TASK_EDGES, *TASK_OPERATOR_EDGES}
