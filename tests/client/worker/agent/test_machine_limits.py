"""The machine's limits are not the task's: who cannot be started now waits, what is long runs, names are bytes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.scripted_server import ScriptedServer
from tests.client.worker.test_worker_command import Start, item, order, worker
from tests.support.server import environment
from tests.support.waiting import eventually

__all__ = ["worker"]


def agent_with(server: ScriptedServer, tmp_path: Path, limits: str, *options: str, **variables: str) -> Start:
    """Return what starts an agent below a shell that sets limits first."""

    def start(*_arguments: str) -> subprocess.Popen[str]:
        agent = f"{sys.executable} -m jobmon_client.worker agent --server-url {server.url}"
        return subprocess.Popen(
            ["/bin/sh", "-c", f"{limits}; exec {agent} --log-dir {tmp_path}/logs {' '.join(options)}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**variables),
        )

    return start


def test_with_few_descriptors_commands_wait_and_lose_no_attempt(
    server: ScriptedServer, tmp_path: Path
) -> None:
    process = agent_with(server, tmp_path, "ulimit -n 40", "--concurrency", "60")()
    for number in range(1, 81):
        server.add(number)
    order(process, submit=[item(number, "sleep 0.2") for number in range(1, 81)])
    eventually(lambda: all(one.status == "DONE" for one in server.instances.values()), 55)
    process.communicate(timeout=30)


def test_commands_get_the_limit_of_open_files_that_the_agent_began_with(
    server: ScriptedServer, tmp_path: Path
) -> None:
    process = agent_with(server, tmp_path, "ulimit -Sn 123; ulimit -Hn 4000")()
    server.add(1)
    order(process, submit=[item(1, "sleep 0.3; ulimit -Sn; ulimit -Hn")])
    eventually(lambda: server.instances[1].status == "DONE", 55)
    assert server.last(1)["stdout_log"].split() == ["123", "4000"]
    process.communicate(timeout=30)


@pytest.mark.parametrize("first", ["", "-", "+", "--", " "])
@pytest.mark.parametrize("length", [10, 131_071, 131_072, 1_048_576])
def test_a_command_of_any_length_runs_whatever_its_first_letter(
    worker: Start, server: ScriptedServer, tmp_path: Path, first: str, length: int
) -> None:
    head = f"{first}x >/dev/null 2>&1; echo went on; : "
    command = head + "y" * max(0, length - len(head))
    server.add(1)
    process = worker("agent")
    order(process, submit=[item(1, command)])
    eventually(lambda: server.instances[1].status == "DONE", 55)
    assert server.last(1)["stdout_log"] == "went on\n"
    assert not list((tmp_path / "logs").rglob("*.sh"))
    process.communicate(timeout=30)


def test_the_file_of_a_long_command_is_its_owners_alone(
    worker: Start, server: ScriptedServer, tmp_path: Path
) -> None:
    server.add(1)
    order(worker("agent"), submit=[item(1, f'stat -c %a "$0"; cmp -n 9 "$0" /dev/null; : {"y" * 200_000}')])
    eventually(lambda: server.instances[1].status == "DONE", 55)
    assert server.last(1)["stdout_log"].splitlines()[0] == "600"


@pytest.mark.parametrize("locale", ["POSIX", "en_US.ISO-8859-1"])
def test_a_name_reaches_the_command_as_utf_8_whatever_the_locale(
    server: ScriptedServer, tmp_path: Path, locale: str
) -> None:
    start = agent_with(server, tmp_path, "true", LC_ALL=locale, PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    process = start()
    server.add(1)
    order(process, submit=[{**item(1, 'printf %s "$JOBMON_TASK_NAME" | od -An -tx1'), "name": "größe Ω 🚀"}])
    eventually(lambda: server.instances[1].status == "DONE", 55)
    assert bytes.fromhex(server.last(1)["stdout_log"].replace("\n", "")).decode() == "größe Ω 🚀"
    process.communicate(timeout=30)
