"""A storm: many writers, each a keep-alive HTTP connection of its own, on one workflow; every reply is judged."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from jobmon_client.access.credentials import local_token
from jobmon_client.config import default_data_dir
from jobmon_client.states import Outcome

WRITERS = 64
LAYERS, WIDTH = 4, 100
CALL_SECONDS = 60.0
#: What an outcome in the body means for the status of the reply.
STATUS = {
    Outcome.APPLIED: {200, 201},
    Outcome.DUPLICATE: {200},
    Outcome.UNTIMELY: {200},
    Outcome.INVALID: {409},
    Outcome.FENCED: {409},
}
#: Outcomes that an item of a batch may have here: all its ids exist, all items are well formed.
OF_ITEMS = {outcome.value for outcome in STATUS}


@dataclass
class Storm:
    """What the writers share: the workflow, the instances they heard of, and the count of what they were told."""

    url: str
    workflow_id: int = 0
    run_id: int = 0
    task_ids: list[int] = field(default_factory=list)
    known: deque[int] = field(default_factory=lambda: deque([1], maxlen=400))
    heard: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)
    calls: Counter[int] = field(default_factory=Counter)

    def prepare(self) -> None:
        """Bind a layered workflow and start it."""
        writer = Writer(self, -1)
        self.workflow_id = writer.post("/workflow", name="storm")["workflow_id"]
        layers = [[f"{layer}.{one}" for one in range(WIDTH)] for layer in range(LAYERS)]
        tasks = [
            {
                "name": name,
                "command": "true",
                "max_attempts": 9,
                "upstream": layers[layer - 1][one // 10 * 10 :][:3] if layer else [],
            }
            for layer, names in enumerate(layers)
            for one, name in enumerate(names)
        ]
        self.task_ids = writer.post(f"/workflow/{self.workflow_id}/tasks", tasks=tasks)["task_ids"]
        writer.resume()
        self.known.clear()
        writer.queue()
        writer.connection.close()

    def blow(self, seconds: float) -> None:
        """Let all writers write for so many seconds."""
        end = time.monotonic() + seconds
        threads = [
            threading.Thread(target=Writer(self, number).write_until, args=[end]) for number in range(WRITERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(seconds + 2 * CALL_SECONDS)
        assert not any(thread.is_alive() for thread in threads), "a writer hangs"


class Writer:
    """One of the many: worker, distributor, owner and operator in turn, at random."""

    def __init__(self, storm: Storm, number: int) -> None:
        """Connect."""
        self.storm, self.number = storm, number
        self.random = random.Random(number)
        address = urlsplit(storm.url)
        self.token = local_token(default_data_dir(), storm.url)
        self.connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=CALL_SECONDS
        )

    def write_until(self, end: float) -> None:
        """Do one thing after another."""
        deeds, weights = zip(*DEEDS, strict=True)
        while time.monotonic() < end:
            self.random.choices(deeds, weights)[0](self)
        self.connection.close()

    def post(self, path: str, **body: Any) -> Any:
        """Call, judge, count; the reply's body."""
        began = time.monotonic()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        self.connection.request("POST", f"/api/v1{path}", json.dumps(body), headers)
        response = self.connection.getresponse()
        text = response.read()
        self._judge(path, response.status, text, time.monotonic() - began)
        return json.loads(text)

    def _judge(self, path: str, status: int, text: bytes, seconds: float) -> None:
        body = json.loads(text)
        outcome = body.get("outcome")
        fits = status < 500 and (outcome is None or status in STATUS.get(Outcome(outcome), set()))
        items = [item["outcome"] for item in body.get("outcomes", [])]
        deed = path.rsplit("/", 1)[-1]
        with self.storm.lock:
            self.storm.slowest = max(self.storm.slowest, seconds)
            self.storm.calls[self.number] += 1
            self.storm.heard[f"{deed} {status} {outcome or ''}".strip()] += 1
            self.storm.heard.update(f"{deed} item {one}" for one in items)
            self.storm.heard[f"{deed} items applied"] += body.get("applied", 0)
            self.storm.heard["tasks queued"] += sum(
                len(batch.get("task_instance_ids", [])) for batch in body.get("batches", [])
            )
            if not fits or not OF_ITEMS.issuperset(items):
                self.storm.wrong.append(f"{path} {status} {text[:500]!r}")

    def seconds(self) -> float:
        """An increment: often long, sometimes over at once, so that the reaper has work."""
        return self.random.choice([60.0, 60.0, 5.0, 0.3, 0.01])

    def one(self) -> int:
        """An instance that somebody heard of, rather a late one."""
        known = list(self.storm.known) or [1]
        return self.random.choice(known[-80:] if self.random.random() < 0.8 else known)

    def some(self, most: int = 60) -> list[int]:
        """Some of them, in any order."""
        known = list(self.storm.known) or [1]
        known = known[-120:] if self.random.random() < 0.8 else known
        return self.random.sample(known, min(len(known), self.random.randint(1, most)))

    def name(self, kind: str, one: int) -> str:
        """Whose business an instance is; at times another's, who must be fenced off."""
        return f"{kind}-{one % 8 if self.random.random() < 0.9 else 9}"

    def queue(self) -> None:
        """Queue what is ready; start a run again where none is alive."""
        limit = self.random.choice([5, 50, 1000])
        body = self.post(f"/workflow_run/{self.storm.run_id}/queue_tasks", limit=limit)
        for batch in body.get("batches", []):
            self.storm.known.extend(batch["task_instance_ids"])
        if body.get("outcome") == "invalid":
            self.resume()

    def resume(self) -> None:
        """Try to become the owner; nothing left to do means that all is run again."""
        resume = self.random.choice(["hot", "cold"])
        path = f"/workflow/{self.storm.workflow_id}/workflow_run"
        body = self.post(path, next_report_increment=60, resume=resume)
        if "workflow_run_id" in body:
            self.storm.run_id = body["workflow_run_id"]
        elif "alive" not in body["error"]["message"]:
            self.post(f"/workflow/{self.storm.workflow_id}/rerun")

    def claim(self) -> None:
        """Claim the next of the cluster, or some by id."""
        facts = {"distributor": self.name("d", 0), "next_report_increment": self.seconds()}
        if self.random.random() < 0.7:
            self.post(CLAIM, cluster="local", limit=self.random.randint(1, 30), **facts)
        else:
            self.post(CLAIM, task_instance_ids=self.some(), **facts)

    def report(self) -> None:
        """Report on one instance."""
        one = self.one()
        name, facts = self.random_report(one)
        self.post(f"/task_instance/{one}/{name}", **facts)

    def live(self) -> None:
        """The life of one instance, from claim to end."""
        one = self.one()
        self.post(CLAIM, task_instance_ids=[one], distributor=self.name("d", 0), next_report_increment=60)
        for name in ("log_running", "log_report_by", "log_done"):
            self.post(f"/task_instance/{one}/{name}", **self.facts(name, one))

    def reports(self) -> None:
        """Report on many, several reports about some of them."""
        items = []
        for one in self.some() + self.some(10):
            name, facts = self.random_report(one)
            items.append({"task_instance_id": one, "report": name, **facts})
        self.post("/reports", reports=items)

    def heartbeats(self) -> None:
        """A batch of signs of life."""
        path = "/task_instance/log_report_by/batch"
        self.post(path, task_instance_ids=self.some(200), next_report_increment=self.seconds())

    def act_on_task(self) -> None:
        """An operator's act on a task."""
        verb = self.random.choices(["stop", "pause", "play", "retry", "rerun"], [1, 1, 2, 1, 8])[0]
        self.post(f"/task/{self.random.choice(self.storm.task_ids)}/{verb}")

    def act_on_workflow(self) -> None:
        """An operator's act on all."""
        verb = self.random.choices(["pause", "play", "retry", "rerun"], [1, 6, 2, 2])[0]
        self.post(f"/workflow/{self.storm.workflow_id}/{verb}")

    def terminate(self) -> None:
        """End the run."""
        self.post(f"/workflow_run/{self.storm.run_id}/terminate")

    def keep_run(self) -> None:
        """Keep the run alive."""
        self.post(f"/workflow_run/{self.storm.run_id}/log_heartbeat", next_report_increment=60)

    def random_report(self, one: int) -> tuple[str, dict[str, Any]]:
        """Any report, with its fields."""
        name = self.random.choice(
            ["log_running", "log_running", "log_running", "log_report_by", "log_done", "log_done", "log_done",
             "log_distributor_id", "log_distributor_id", "log_error_worker_node", "log_no_distributor_id",
             "log_known_error", "log_unknown_error"]
        )  # fmt: skip
        return name, self.facts(name, one)

    def facts(self, name: str, one: int) -> dict[str, Any]:
        """The fields that a report must have."""
        worker = {"worker_id": self.name("worker", one)}
        deadline = {"next_report_increment": self.seconds()}
        facts: dict[str, dict[str, Any]] = {
            "log_running": {**worker, **deadline, "nodename": "n", "process_group_id": self.number + 1},
            "log_report_by": {**worker, **deadline, "stdout": "out"},
            "log_done": {**worker, "stdout_log": "fine"},
            "log_error_worker_node": {**worker, "error_state": "ERROR", "error_description": "it broke"},
            "log_distributor_id": {**deadline, "distributor_id": "c"},
            "log_no_distributor_id": {"error_message": "refused"},
            "log_known_error": {"error_state": "RESOURCE_ERROR", "error_message": "memory"},
            "log_unknown_error": {"error_message": "silent"},
        }
        return facts[name]


CLAIM = "/task_instance/instantiate_task_instances"
#: What a writer does, and how often beside the others.
DEEDS = [
    (Writer.report, 25),
    (Writer.live, 15),
    (Writer.reports, 12),
    (Writer.heartbeats, 4),
    (Writer.claim, 15),
    (Writer.queue, 15),
    (Writer.act_on_task, 10),
    (Writer.keep_run, 2),
    (Writer.act_on_workflow, 0.5),
    (Writer.terminate, 0.15),
]
