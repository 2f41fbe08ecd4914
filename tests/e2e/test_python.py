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
workflow.task("bad", "exit 1", upstream=hello)
result = workflow.run(concurrency=2, progress=False, server_url=sys.argv[1] if len(sys.argv) > 1 else None)
print(json.dumps(asdict(result)))
"""


def run_script(jobmon: Jobmon, script: str, *arguments: str) -> str:
    """Run a user's script; what it wrote to stdout."""
    ended = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=jobmon.home,
        env=jobmon.environment,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return ended.stdout


def run(jobmon: Jobmon, *arguments: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(run_script(jobmon, SCRIPT, *arguments))
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


FAILURES = """
from jobmon_client import JobmonError, Workflow, WorkflowFailed

workflow = Workflow("failures", max_attempts=2)
good = workflow.task("good[*]", "echo out; echo err >&2")
bad = workflow.task("bad", "echo $JOBMON_TASK_INSTANCE_ID; echo 'no such station' >&2; exit 3")
try:
    good.logs()
except JobmonError as error:
    print(error)
result = workflow.run(progress=False, concurrency=1)
print(result.ok, [(one.task, one.attempt, one.stderr) for one in result.errors])
try:
    result.raise_for_failure()
except WorkflowFailed as failed:
    print(failed, failed.result is result)
logs = good.logs()
print((logs.stdout, logs.stderr))
first, last = bad.logs(1), bad.logs()
print(first.stdout == f"{first.task_instance_id}\\n", last.stdout == f"{last.task_instance_id}\\n", first != last)
try:
    bad.logs(3)
except JobmonError as error:
    print(error)
"""


def test_what_failed_says_so(jobmon: Jobmon) -> None:
    script = FAILURES.replace("concurrency=1", f"concurrency=1, database_url={jobmon.database_url!r}")
    told = run_script(jobmon, script).splitlines()
    assert told == [
        "workflow 'failures' has not been run here: no task has logs yet",
        "False [('bad', 2, 'no such station\\n')]",
        "workflow 1 is FAILED: 1 DONE, 1 ERROR_FATAL; bad (attempt 2): no such station True",
        "('out\\n', 'err\\n')",
        "True True True",
        "task 'bad' of workflow 1 has no attempt 3",
    ]
