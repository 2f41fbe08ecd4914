"""`python -m jobmon_client.worker`: the agent behind its pipe, and the worker of one instance."""

from __future__ import annotations

import fcntl
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client.agents import gone
from tests.client.scripted_server import ScriptedServer
from tests.support.waiting import eventually

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def worker(server: ScriptedServer, tmp_path: Path) -> Iterator[Start]:
    """Start a worker; its arguments are those of the command line."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        verb, *rest = arguments
        options = ["--server-url", server.url, "--log-dir", str(tmp_path / "logs"), *rest]
        process = subprocess.Popen(
            [sys.executable, "-m", "jobmon_client.worker", verb, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def order(process: subprocess.Popen[str], **said: Any) -> None:
    assert process.stdin
    process.stdin.write(json.dumps(said) + "\n")
    process.stdin.flush()


def item(task_instance_id: int, command: str) -> dict[str, Any]:
    return {
        "task_instance_id": task_instance_id,
        "name": "x",
        "command": command,
        "task_id": 1,
        "workflow_id": 1,
        "workflow_run_id": 1,
        "distributor_id": f"here:1:{task_instance_id}",
    }


def test_an_agent_says_what_started_and_ended_and_finishes_when_its_parent_is_gone(
    worker: Start, server: ScriptedServer
) -> None:
    process = worker("agent", "--concurrency", "1")
    for number in (1, 2):
        server.add(number)
    order(process, submit=[item(1, "sleep 0.2"), item(2, "exit 7")])
    out, err = process.communicate(timeout=30)
    said = [json.loads(line) for line in out.splitlines()]
    for word in ("started", "ended"):
        assert [number for line in said for number in line[word]] == [1, 2]
    assert (process.returncode, err) == (0, "")
    assert [server.instances[number].status for number in (1, 2)] == ["DONE", "ERROR"]


def test_an_agent_whose_parent_reads_no_more_still_finishes(worker: Start, server: ScriptedServer) -> None:
    process = worker("agent", "--concurrency", "1")
    assert process.stdin
    assert process.stdout
    server.add(1)
    process.stdout.close()
    order(process, submit=[item(1, "sleep 0.1")])
    process.stdin.close()
    assert process.wait(30) == 0
    assert server.instances[1].status == "DONE"
    process.stdin = process.stdout = None


def test_an_order_that_makes_no_sense_is_no_end(worker: Start, server: ScriptedServer) -> None:
    process = worker("agent")
    server.add(1)
    assert process.stdin
    process.stdin.write('nonsense\n[]\n{"submit": [{}]}\n{"submit": 3}\n')
    order(process, submit=[item(1, "true")])
    process.communicate(timeout=30)
    assert server.instances[1].status == "DONE"


def test_sigterm_ends_all_commands_and_reports_them_and_ctrl_c_is_the_parents_business(
    worker: Start, server: ScriptedServer, tmp_path: Path
) -> None:
    process = worker("agent")
    server.add(1)
    marker = tmp_path / "pid"
    order(process, submit=[item(1, f"sleep 300 & echo $! > {marker}; wait")])
    eventually(lambda: marker.exists() and marker.read_text())
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert gone(marker)
    assert server.instances[1].status == "ERROR"
    assert "the agent was stopped" in server.last(1)["error_description"]


def test_an_agent_holds_the_users_lock_while_it_lives(worker: Start, tmp_path: Path) -> None:
    users = tmp_path / "db.users"
    process = worker("agent", "--users-file", str(users))

    def held() -> bool:
        with users.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    eventually(lambda: users.exists() and held())
    process.communicate(timeout=30)
    assert not held()


@pytest.mark.parametrize(("command", "code", "status"), [("echo hi", 0, "DONE"), ("exit 9", 1, "ERROR")])
def test_one_instance_is_run_to_its_end(
    worker: Start, server: ScriptedServer, command: str, code: int, status: str
) -> None:
    server.add(5, command=command)
    process = worker("run", "--task-instance-id", "5", "--distributor-id", "slurm.5")
    assert process.wait(30) == code
    assert server.instances[5].status == status
    assert server.instances[5].reports[0]["distributor_id"] == "slurm.5"


def test_one_instance_that_may_not_start_is_told_apart(worker: Start, server: ScriptedServer) -> None:
    server.add(5, status="KILL_SELF")
    assert worker("run", "--task-instance-id", "5").wait(30) == 3
    assert server.instances[5].status == "ERROR_FATAL"


def test_one_instance_is_ended_by_a_signal_to_its_worker(
    worker: Start, server: ScriptedServer, tmp_path: Path
) -> None:
    marker = tmp_path / "pid"
    server.add(5, command=f"sleep 300 & echo $! > {marker}; wait")
    process = worker("run", "--task-instance-id", "5")
    eventually(lambda: marker.exists() and marker.read_text())
    process.terminate()
    assert process.wait(30) == 3
    assert gone(marker)
    assert server.instances[5].status == "ERROR"


def test_an_unknown_instance_and_a_bad_setting_are_said(worker: Start) -> None:
    for arguments in (("run", "--task-instance-id", "5"), ("agent", "--concurrency", "0")):
        process = worker(*arguments)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 4
        assert err.strip()
        assert "Traceback" not in err
