"""A workflow written in Python, as a user's script."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.support.commands import Jobmon
from tests.support.server import LiveServer

SCRIPT = """
import json, sys
from dataclasses import asdict
from jobmon_client import Workflow

workflow = Workflow("greetings", max_attempts=1)
hello = workflow.task("hello", "echo hello > hello.txt")
workflow.task("count", "wc -c < hello.txt > count.txt", upstream=[hello])
workflow.task("bad", "exit 1", upstream=["hello"])
result = workflow.run(concurrency=2, progress=False, server_url=sys.argv[1] if len(sys.argv) > 1 else None)
print(json.dumps(asdict(result)))
"""


def run(jobmon: Jobmon, *arguments: str) -> dict[str, object]:
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        cwd=jobmon.home,
        env=jobmon.environment,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    found: dict[str, object] = json.loads(ended.stdout)
    return found


def test_a_script_with_an_embedded_server(sqlite_jobmon: Jobmon) -> None:
    result = run(sqlite_jobmon)
    assert (result["status"], result["interrupted"]) == ("FAILED", False)
    assert result["tasks"] == {"DONE": 2, "ERROR_FATAL": 1}
    assert (sqlite_jobmon.home / "count.txt").read_text().strip() == "6"
    assert sqlite_jobmon.json("tasks", 1, "--status", "ERROR_FATAL")["tasks"][0]["name"] == "bad"


def test_a_script_with_a_named_server(live_server: LiveServer, sqlite_jobmon: Jobmon) -> None:
    assert run(sqlite_jobmon, live_server.url)["tasks"] == {"DONE": 2, "ERROR_FATAL": 1}
    assert sqlite_jobmon("status", "1", "--server", live_server.url).stdout.startswith(
        "Workflow 1 (greetings) is FAILED"
    )
