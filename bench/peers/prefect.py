"""Prefect's server as it is on PyPI, on its default database: what many pick to tell a server that a task runs and is done."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from bench.peers.environment import install, running
from jobmon_server.bench.load import Script, request
from tests.support.processes import free_port
from tests.support.server import environment
from tests.support.waiting import eventually

VERSION = "3.9.1"
PREFIX = "/api"
TIMEOUT = 60


@contextmanager
def serving(directory: Path) -> Iterator[tuple[str, int]]:
    """Serve it as `prefect server start` does, in a folder of its own; URL and process id. Raise PeerMissing."""
    programs = install("prefect", [f"prefect=={VERSION}"])
    settings = environment(
        PREFECT_HOME=str(directory / "prefect"), PREFECT_SERVER_ANALYTICS_ENABLED="false", DO_NOT_TRACK="1"
    )
    port = free_port()
    command = [
        str(programs / "prefect"),
        "server",
        "start",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--no-ui",
    ]
    url = f"http://127.0.0.1:{port}"
    with running(command, settings, directory / "prefect.log", url) as pid:
        eventually(lambda: _create(url) is not None, TIMEOUT, every=0.5, what="Prefect takes task runs")
        yield url, pid


def _create(url: str) -> str | None:
    """Make a task run that is pending; its id, or None while the server cannot."""
    name = uuid.uuid4().hex
    body = {
        "name": name,
        "task_key": "bench",
        "dynamic_key": name,
        "flow_run_id": None,
        "state": {"type": "PENDING"},
    }
    reply = requests.post(f"{url}{PREFIX}/task_runs/", json=body, timeout=TIMEOUT)
    return str(reply.json()["id"]) if reply.ok else None


def lives(url: str, count: int) -> list[Script]:
    """Make so many task runs; what a client says of each when it starts and when it ends."""
    ids = [_create(url) for _ in range(count)]
    return [
        [
            request(
                kind,
                f"/task_runs/{one}/set_state",
                {"state": {"type": state}},
                wanted='"ACCEPT"',
                prefix=PREFIX,
            )
            for kind, state in (("running", "RUNNING"), ("done", "COMPLETED"))
        ]
        for one in ids
    ]
