"""The main path, spoken as its callers speak it: bind, run, queue, claim, launch, report. Short words for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.support.waiting import eventually

SECONDS = 60.0
SOON = 0.001
ME = "worker-1"
RUNNING: dict[str, Any] = {"nodename": "node", "process_group_id": 42, "next_report_increment": SECONDS}


class Reply(Protocol):
    """What every caller's HTTP library gives, ours in the process or a real one."""

    @property
    def status_code(self) -> int:
        """The code of HTTP."""

    def get_json(self) -> Any:
        """The body."""


class Client(Protocol):
    """Who sends for a path: Flask's test client, or `tests.support.remote.Remote` over a socket."""

    def post(self, path: str, *, json: Any) -> Reply:
        """POST JSON."""

    def get(self, path: str) -> Reply:
        """GET."""


def nobody_reaps() -> object:
    """What a path does that was given no reaper."""
    raise AssertionError("this path has no reaper: make it with reap=")


def task(name: str, *upstream: str, **facts: Any) -> dict[str, Any]:
    """A task of the given name."""
    return {"name": name, "command": "true", "upstream": list(upstream), **facts}


@dataclass
class Path:
    """One workflow, driven through HTTP calls."""

    client: Client
    workflow_id: int = 0
    run_id: int = 0
    task_ids: dict[str, int] = field(default_factory=dict)
    reap: Callable[[], object] = nobody_reaps

    def post(self, path: str, **body: Any) -> Reply:
        """POST JSON."""
        return self.client.post(f"/api/v1{path}", json=body)

    def get(self, path: str) -> Any:
        """GET what must be there."""
        reply = self.client.get(f"/api/v1{path}")
        assert reply.status_code == 200, reply.get_json()
        return reply.get_json()

    def bind(self, *tasks: dict[str, Any], **workflow: Any) -> Path:
        """Bind a workflow of these tasks."""
        reply = self.post("/workflow", name="a workflow", **workflow)
        assert reply.status_code == 201, reply.get_json()
        self.workflow_id, self.task_ids = reply.get_json()["workflow_id"], {}
        self.add(*tasks)
        return self

    def add(self, *tasks: dict[str, Any], **more: Any) -> Path:
        """Bind tasks to the workflow."""
        reply = self.post(f"/workflow/{self.workflow_id}/tasks", tasks=list(tasks), **more)
        assert reply.status_code in {200, 201}, reply.get_json()
        self.task_ids |= {
            one["name"]: known for one, known in zip(tasks, reply.get_json()["task_ids"], strict=True)
        }
        return self

    def start(self, seconds: float = SECONDS, **facts: Any) -> Path:
        """Start a run."""
        path = f"/workflow/{self.workflow_id}/workflow_run"
        reply = self.post(path, next_report_increment=seconds, **facts)
        assert reply.status_code == 201, reply.get_json()
        self.run_id = reply.get_json()["workflow_run_id"]
        return self

    def queue(self, **facts: Any) -> list[int]:
        """Queue what is ready; the new instances."""
        reply = self.post(f"/workflow_run/{self.run_id}/queue_tasks", **facts)
        assert reply.status_code == 200, reply.get_json()
        return [one for batch in reply.get_json()["batches"] for one in batch["task_instance_ids"]]

    def claim(self, ids: Iterable[int], seconds: float = SECONDS, distributor: str = "d") -> Any:
        """Claim instances."""
        path = "/task_instance/instantiate_task_instances"
        facts = {"distributor": distributor, "next_report_increment": seconds}
        return self.post(path, task_instance_ids=list(ids), **facts).get_json()

    def launch(self, one: int, seconds: float = SECONDS) -> Reply:
        """Record the cluster's id of an instance."""
        return self.report(one, "log_distributor_id", distributor_id=f"c{one}", next_report_increment=seconds)

    def report(self, one: int, name: str, **facts: Any) -> Reply:
        """Make any report."""
        return self.post(f"/task_instance/{one}/{name}", **facts)

    def running(self, one: int, worker_id: str = ME, seconds: float = SECONDS) -> Reply:
        """Report RUNNING."""
        facts = {"nodename": "node", "process_group_id": 42, "next_report_increment": seconds}
        return self.report(one, "log_running", worker_id=worker_id, **facts)

    def done(self, one: int, worker_id: str = ME, **facts: Any) -> Reply:
        """Report DONE."""
        return self.report(one, "log_done", worker_id=worker_id, **facts)

    def error(self, one: int, state: str = "ERROR", worker_id: str = ME) -> Reply:
        """Report a failure."""
        facts = {"error_state": state, "error_description": "it broke"}
        return self.report(one, "log_error_worker_node", worker_id=worker_id, **facts)

    def run_one(self, seconds: float = SECONDS) -> int:
        """Queue, claim, launch and start the next instance; it is RUNNING."""
        (one,) = self.queue(limit=1)
        self.claim([one], seconds)
        self.launch(one, seconds)
        assert self.running(one, seconds=seconds).get_json()["outcome"] == "applied"
        return one

    def reports(self, *reports: dict[str, Any]) -> Any:
        """Make many reports in one call."""
        reply = self.post("/reports", reports=list(reports))
        assert reply.status_code == 200, reply.get_json()
        return reply.get_json()

    def overdue(self, *ids: int) -> None:
        """Let the deadlines of these instances pass, and the reaper act on them once."""
        was = self.statuses(ids)

        def left() -> bool:
            self.reap()
            return all(status != was[one] for one, status in self.statuses(ids).items())

        eventually(left, what="the reaper acted")

    def act(self, verb: str, name: str | None = None, **facts: Any) -> Any:
        """Do an operator's act to a task, or to the workflow."""
        target = f"/workflow/{self.workflow_id}" if name is None else f"/task/{self.task_ids[name]}"
        return self.post(f"{target}/{verb}", **facts).get_json()

    def beat(self, one: int, worker_id: str = ME, seconds: float = SECONDS, **facts: Any) -> Reply:
        """Make a worker's sign of life."""
        facts |= {"worker_id": worker_id, "next_report_increment": seconds}
        return self.report(one, "log_report_by", **facts)

    def errors(self, one: int) -> list[dict[str, Any]]:
        """Read an instance's error log."""
        log: list[dict[str, Any]] = self.get(f"/task_instance/{one}/task_instance_error_log")[
            "task_instance_error_log"
        ]
        return log

    def instance(self, one: int) -> Any:
        """Read an instance."""
        return self.get(f"/task_instance/{one}")

    def statuses(self, ids: Iterable[int]) -> dict[int, str]:
        """Read the statuses of current instances of the workflow, at most 1,000, in one call."""
        rows = self.get(f"/workflow/{self.workflow_id}/tasks?limit=1000")["tasks"]
        current = {row["task_instance_id"]: row["task_instance_status"] for row in rows}
        return {one: current[one] for one in ids}

    def status(self, name: str) -> str:
        """Read a task's status."""
        return str(self.get(f"/task/{self.task_ids[name]}")["status"])

    def workflow(self) -> Any:
        """Read the workflow."""
        return self.get(f"/workflow/{self.workflow_id}")

    def journal(self, one: int) -> list[tuple[str | None, str, str]]:
        """Read an instance's journal: from, to, outcome."""
        return [
            (row["from"], row["to"], row["outcome"])
            for row in self.get(f"/task_instance/{one}/journal")["journal"]
        ]
