"""What a command starts ends with its attempt, whatever sessions and process groups it makes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.agents import gone, guardian_of
from tests.client.scripted_server import ScriptedServer
from tests.client.worker.test_worker_command import Start, item, order, worker
from tests.support.waiting import eventually

__all__ = ["worker"]

#: A `sleep` that has left its command: {pid} is the file for its pid.
ESCAPES = {
    "timeout": "timeout 300 sh -c 'echo $$ > {pid}; exec sleep 300' &",
    "setsid": "setsid sh -c 'echo $$ > {pid}; exec sleep 300' &",
    "nohup": "nohup sh -c 'echo $$ > {pid}; exec sleep 300' > /dev/null 2>&1 &",
    "double fork": "(setsid sh -c 'echo $$ > {pid}; exec sleep 300' > /dev/null 2>&1 &)",
    "an empty environment": "(env -i setsid sh -c 'echo $$ > {pid}; exec sleep 300' &)",
    "nothing inherited": "(env -i setsid sh -c 'echo $$ > {pid}; exec sleep 300' > /dev/null 2>&1 &)",
    "ignored signals": "(setsid sh -c 'trap \"\" TERM HUP INT; echo $$ > {pid}; while :; do sleep 1; done' &)",
}
AWAIT = "\nwhile [ ! -s {pid} ]; do :; done; "


def written(*files: Path) -> bool:
    return all(file.exists() and file.read_text() for file in files)


@pytest.mark.parametrize("how", ESCAPES)
def test_what_a_command_leaves_is_dead_before_its_end_is_reported(
    worker: Start, server: ScriptedServer, tmp_path: Path, how: str
) -> None:
    server.add(1)
    process = worker("agent")
    pid = tmp_path / "pid"
    order(process, submit=[item(1, (ESCAPES[how] + AWAIT + "exit 0").format(pid=pid))])
    eventually(lambda: server.instances[1].status == "DONE", 60)
    assert gone(pid)


@pytest.mark.parametrize("how", ESCAPES)
def test_what_left_its_command_ends_with_an_order_to_end(
    worker: Start, server: ScriptedServer, tmp_path: Path, how: str
) -> None:
    server.add(1)
    process = worker("agent", "--heartbeat-interval", "0.1")
    pid = tmp_path / "pid"
    order(process, submit=[item(1, (ESCAPES[how] + "\nsleep 300").format(pid=pid))])
    eventually(lambda: written(pid), 60)
    server.instances[1].status = "KILL_SELF"
    eventually(lambda: server.instances[1].status == "ERROR_FATAL", 60)
    assert gone(pid)


@pytest.mark.parametrize("how", ["timeout", "setsid", "double fork"])
def test_a_killed_agent_takes_along_what_left_its_commands(
    worker: Start, server: ScriptedServer, tmp_path: Path, how: str
) -> None:
    server.add(1)
    process = worker("agent")
    pid = tmp_path / "pid"
    order(process, submit=[item(1, (ESCAPES[how] + "\nsleep 300").format(pid=pid))])
    eventually(lambda: written(pid), 60)
    process.kill()
    eventually(lambda: gone(pid), 60)


@pytest.mark.parametrize("how", ["timeout", "double fork"])
def test_the_next_agent_ends_what_left_the_commands_of_a_dead_one(
    worker: Start, server: ScriptedServer, tmp_path: Path, how: str
) -> None:
    server.add(1)
    options = ("--spool-dir", str(tmp_path / "spool"))
    process = worker("agent", *options)
    pid = tmp_path / "pid"
    order(process, submit=[item(1, (ESCAPES[how] + "\nsleep 300").format(pid=pid))])
    eventually(lambda: written(pid), 60)
    eventually(lambda: any(path.read_text().count("+") for path in (tmp_path / "spool").glob("*.groups")))
    os.kill(guardian_of(process.pid), signal.SIGKILL)
    process.kill()
    process.wait()
    assert not gone(pid)
    worker("agent", *options)
    eventually(lambda: gone(pid), 60)


def test_another_command_keeps_what_it_has_started(
    worker: Start, server: ScriptedServer, tmp_path: Path
) -> None:
    process = worker("agent", "--concurrency", "2")
    mine, other = tmp_path / "mine", tmp_path / "other"
    server.add(1)
    order(process, submit=[item(1, (ESCAPES["double fork"] + "\nsleep 300").format(pid=mine))])
    eventually(lambda: written(mine), 60)
    server.add(2)
    order(process, submit=[item(2, (ESCAPES["double fork"] + AWAIT).format(pid=other))])
    eventually(lambda: server.instances[2].status == "DONE", 60)
    assert gone(other)
    assert not gone(mine)
    order(process, cancel=[1])
    eventually(lambda: gone(mine), 60)


def test_who_forks_without_end_is_ended(worker: Start, server: ScriptedServer, tmp_path: Path) -> None:
    server.add(1)
    process = worker("agent")
    beat = tmp_path / "beat"
    chain = tmp_path / "chain.sh"
    # Each lives for a moment, and its child is in a session of its own.
    chain.write_text(f'echo . >> {beat}; setsid sh "$0" & sleep 0.05\n')
    order(process, submit=[item(1, f"sh {chain}; sleep 0.3")])
    eventually(lambda: server.instances[1].status == "DONE", 60)
    assert not running(str(chain))


def running(word: str) -> list[int]:
    """The processes that live and have this word on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if word.encode() in entry.joinpath("cmdline").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except (OSError, ValueError):
            continue
    return found


def test_exit_codes_and_zombies_are_collected_by_who_they_are_for(
    worker: Start, server: ScriptedServer
) -> None:
    process = worker("agent", "--concurrency", "4")
    for number in range(1, 21):
        server.add(number)
    order(process, submit=[item(number, f"(setsid true &); exit {number}") for number in range(1, 21)])
    eventually(lambda: all(one.status == "ERROR" for one in server.instances.values()), 120)
    for number in range(1, 21):
        assert f"exited with code {number}" in server.last(number)["error_description"]
    eventually(lambda: not zombies_of(process.pid), 20)
    assert guardian_of(process.pid)


def zombies_of(parent: int) -> list[str]:
    listed = subprocess.run(
        ["ps", "-o", "stat=", "--ppid", str(parent)], capture_output=True, text=True, check=False
    )
    return [one for one in listed.stdout.split() if one.startswith("Z")]


def test_a_worker_of_one_instance_leaves_nothing(
    worker: Start, server: ScriptedServer, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    server.add(1, command=(ESCAPES["nothing inherited"] + AWAIT).format(pid=pid))
    process = worker("run", "--task-instance-id", "1")
    assert process.wait(60) == 0
    assert gone(pid)


def test_a_child_from_before_the_agent_is_left_alone(server: ScriptedServer, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    server.add(1, command="(setsid true &); exit 0")
    options = f"--server-url {server.url} --log-dir {tmp_path}/logs --spool-dir {tmp_path}/spool"
    agent = f"{sys.executable} -m jobmon_client.worker run --task-instance-id 1 {options}"
    launched = subprocess.run(
        ["/bin/sh", "-c", f"sleep 300 & echo $! > {pid}; exec {agent}"],
        check=False,
        stdout=subprocess.DEVNULL,
    )
    try:
        assert launched.returncode == 0
        assert not gone(pid)
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)
