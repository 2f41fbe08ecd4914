"""The other limit: a Flask application that parses a body and answers at once, under gunicorn as ours is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from flask import Flask, Response, request

from bench.peers.environment import running
from bench.support.bench import server_settings
from jobmon_server.bench.load import Request
from jobmon_server.bench.load import request as encoded
from jobmon_server.bench.requests import RUNNING
from tests.support.processes import free_port
from tests.support.server import environment

REPLY = '{"outcome":"applied","status":"RUNNING","task_status":"RUNNING","report_by":null}'


def application() -> Flask:
    """Make it; gunicorn calls this in each worker."""
    app = Flask(__name__, static_folder=None)

    @app.post("/api/v1/task_instance/<int:task_instance_id>/log_running")
    def log_running(task_instance_id: int) -> Response:
        assert task_instance_id
        assert request.get_json()
        return Response(REPLY, content_type="application/json")

    return app


def report() -> Request:
    """The same request as the first word of a worker."""
    return encoded("empty", "/task_instance/1/log_running", RUNNING, wanted="applied")


@contextmanager
def serving(directory: Path) -> Iterator[tuple[str, int]]:
    """Serve it with the settings of `jobmon-server serve`; URL and process id."""
    settings, port = server_settings(), free_port()
    command = [sys.executable, "-m", "gunicorn", "--config", str(files("jobmon_deploy") / "gunicorn.conf.py")]
    command += ["--workers", str(settings["workers"]), "--threads", str(settings["threads"])]
    command += ["--bind", f"127.0.0.1:{port}", "--log-level", "warning", "bench.peers.empty:application()"]
    url = f"http://127.0.0.1:{port}"
    with running(command, environment(), directory / "empty.log", url) as pid:
        yield url, pid
