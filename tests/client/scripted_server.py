"""A small server of our own that answers as the wire contract says; its instances are a dictionary.

Real sockets. It can be told to be down, to answer with given statuses, and what to think of an instance.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

TERMINAL = {"DONE", "ERROR", "RESOURCE_ERROR", "UNKNOWN_ERROR", "NO_DISTRIBUTOR_ID", "ERROR_FATAL"}


@dataclass
class Instance:
    """What the server thinks of one instance, and what it was told."""

    status: str = "LAUNCHED"
    holder: str | None = None
    command: str = "true"
    reports: list[dict[str, Any]] = field(default_factory=list)
    signs: list[dict[str, Any]] = field(default_factory=list)
    heartbeats: int = 0
    commands: list[dict[str, Any]] = field(default_factory=list)
    acknowledged: list[dict[str, Any]] = field(default_factory=list)
    takes_acknowledgements: bool = True
    lost_contact: str = "continue"
    heard_at: float = 0.0
    unkillable: int = 0

    def tell(self, command_id: int, command: str, **arguments: Any) -> None:
        """Have its worker told until it acknowledges."""
        self.commands.append({"command_id": command_id, "command": command, "arguments": arguments})

    def acknowledge(self, given: list[dict[str, Any]]) -> None:
        """Hear of commands that need not be told again."""
        self.acknowledged += given
        heard = {one["command_id"] for one in given} if self.takes_acknowledgements else set()
        self.commands = [one for one in self.commands if one["command_id"] not in heard]


class ScriptedServer:
    """Listens on a free port of loopback while the `with` lasts."""

    def __init__(self) -> None:
        self.instances: dict[int, Instance] = {}
        self.calls: list[tuple[str, str, Any]] = []
        self.script: deque[tuple[int, dict[str, str], bytes]] = deque()
        self.down = False
        self.lose_replies = 0
        self.refused_fields: set[str] = set()
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                outer.handle(self, None)

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                outer.handle(self, self.rfile.read(length))

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.down = True
        self._http.shutdown()
        self._http.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def add(self, task_instance_id: int, **facts: Any) -> Instance:
        self.instances[task_instance_id] = Instance(**facts)
        return self.instances[task_instance_id]

    def last(self, task_instance_id: int) -> dict[str, Any]:
        return self.instances[task_instance_id].reports[-1]

    # -- answering -------------------------------------------------------------------------------------------

    def handle(self, handler: BaseHTTPRequestHandler, content: bytes | None) -> None:
        if self.down:
            handler.close_connection = True
            return
        with self._lock:
            payload = json.loads(content) if content else None
            self.calls.append((handler.command, handler.path, payload))
            if self.script:
                status, headers, body = self.script.popleft()
            else:
                status, reply = self.answer(handler.path.removeprefix("/api/v1"), payload)
                headers, body = {}, json.dumps(reply).encode()
            if self.lose_replies:
                self.lose_replies -= 1
                handler.close_connection = True
                return
        handler.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **headers,
        }.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def answer(self, path: str, payload: Any) -> tuple[int, dict[str, Any]]:
        if path == "/health":
            return 200, {"status": "ok"}
        if path == "/reports":
            return self.batch(payload["reports"])
        if path == "/task_instance/log_report_by/batch":
            outcomes = [self.heartbeat(one) for one in payload["task_instance_ids"]]
            for one in set(payload["task_instance_ids"]) & set(self.instances):
                self.instances[one].unkillable += payload.get("unkillable", False)
            listed = [one for one in outcomes if one["outcome"] != "applied" or one.get("commands")]
            return 200, {"applied": sum(one["outcome"] == "applied" for one in outcomes), "outcomes": listed}
        kind, number, *report = path.strip("/").split("/")
        if kind in {"task", "task_instance"} and number.isdecimal():
            return self.single(kind, int(number), report, payload)
        return 404, {"error": {"code": "not_found", "message": "no such route", "details": []}}

    def single(self, kind: str, number: int, report: list[str], payload: Any) -> tuple[int, dict[str, Any]]:
        if report:
            reply = self.report({**payload, "task_instance_id": number, "report": report[0]})
            return {"unknown": 404, "fenced": 409, "invalid": 409}.get(reply["outcome"], 200), reply
        if number not in self.instances:
            return 404, {"error": {"code": "unknown", "message": "nothing has this id", "details": []}}
        if kind == "task":
            return 200, {"task_id": number, "name": "a task", "command": self.instances[number].command}
        return 200, {"task_instance_id": number, "task_id": number, "workflow_id": 1}

    def batch(self, reports: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        wanted = {"log_running": "RUNNING", "log_report_by": "RUNNING", "log_done": "DONE"}
        outcomes, applied = [], 0
        for position, report in enumerate(reports):
            reply = self.report(report)
            applied += reply["outcome"] == "applied"
            target = wanted.get(report["report"], report.get("error_state"))
            told = reply.get("commands") or reply.get("lost_contact") == "stop"
            if reply["outcome"] != "applied" or reply["status"] != target or told:
                outcomes.append({**reply, "position": position})
        return 200, {"applied": applied, "outcomes": outcomes}

    def report(self, report: dict[str, Any]) -> dict[str, Any]:
        instance = self.instances.get(report["task_instance_id"])
        if refused := self.refused(report):
            details = [{"field": name, "problem": "no"} for name in refused]
            return {**reply_of("malformed", None, report), "error": {"code": "malformed", "details": details}}
        if instance is None:
            return reply_of("unknown", None, report)
        if instance.holder not in (None, report["worker_id"]):
            return reply_of("fenced", instance, report)
        if report["report"] == "log_report_by":
            instance.signs.append(report)
            instance.acknowledge(report.get("acknowledged", []))
            return reply_of("applied" if instance.status == "RUNNING" else "untimely", instance, report)
        instance.reports.append(report)
        outcome = self.move(instance, report)
        if outcome == "applied":
            instance.holder = report["worker_id"]
        reply = reply_of(outcome, instance, report)
        if report["report"] == "log_running" and instance.status == "RUNNING":
            instance.heard_at = time.time()
            reply["lost_contact"] = instance.lost_contact
        return reply

    def refused(self, report: dict[str, Any]) -> list[str]:
        """What is not taken: whole fields, or a member, as "metrics.load"."""
        given = {*report, *(f"metrics.{name}" for name in report.get("metrics", ()))}
        return sorted(self.refused_fields & given)

    @staticmethod
    def move(instance: Instance, report: dict[str, Any]) -> str:
        wanted = {"log_running": "RUNNING", "log_done": "DONE"}.get(report["report"]) or report["error_state"]
        was = instance.status
        if was == wanted:
            return "duplicate"
        if was in ("KILL_SELF", "NO_HEARTBEAT") and wanted == "RUNNING" and instance.holder is None:
            instance.status = "ERROR_FATAL" if was == "KILL_SELF" else "ERROR"
            return "applied"
        if was == "KILL_SELF" and wanted not in ("DONE", "ERROR_FATAL"):
            return "untimely"
        if was in TERMINAL:
            return "untimely"
        instance.status = wanted
        return "applied"

    def heartbeat(self, task_instance_id: int) -> dict[str, Any]:
        instance = self.instances.get(task_instance_id)
        report = {"task_instance_id": task_instance_id}
        if instance is None:
            return reply_of("unknown", None, report)
        instance.heartbeats += 1
        instance.heard_at = time.time()
        if instance.status in ("RUNNING", "TRIAGING"):
            instance.status = "RUNNING"
            return reply_of("applied", instance, report)
        return reply_of("untimely", instance, report)


def reply_of(outcome: str, instance: Instance | None, report: dict[str, Any]) -> dict[str, Any]:
    """The shape of every reply to a report."""
    status = instance.status if instance else None
    reply = {"outcome": outcome, "status": status, "task_status": None, "report_by": None}
    told = {"commands": list(instance.commands)} if instance and status == "RUNNING" else {}
    return {**reply, **told, "task_instance_id": report["task_instance_id"]}
