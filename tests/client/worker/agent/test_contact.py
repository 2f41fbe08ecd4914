"""A worker out of touch with a server that says `lost_contact = stop`: nothing of its command runs beside the next attempt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobmon_client.loop import boot_seconds
from jobmon_client.worker.agent.contact import LOST, Contacts
from jobmon_client.worker.agent.job import Job
from jobmon_client.worker.process.items import LogFiles, WorkItem
from jobmon_client.worker.process.process_groups import stat
from tests.client.agents import Driven, gone
from tests.client.scripted_server import ScriptedServer
from tests.support.waiting import eventually

INTERVAL, FACTOR = 0.4, 3.0
INCREMENT = INTERVAL * FACTOR
PACE = {"heartbeat_interval": INTERVAL, "report_by_factor": FACTOR}


def beating(beats: Path, *, first: str = "") -> str:
    """A command that writes its pid, and then the time again and again."""
    loop = f"while :; do date +%s.%N >> {beats}; sleep 0.05; done"
    return f"{first} echo $$ > {beats}.pid; {loop}"


def last_beat(beats: Path) -> float:
    return float(beats.read_text().split()[-1])


def is_running(pid: int) -> bool:
    return stat(pid)[:1] not in ([], [b"Z"])


def test_a_command_out_of_touch_is_ended_in_time_and_costs_no_attempt(
    agent: Callable[..., Driven], server: ScriptedServer, tmp_path: Path
) -> None:
    driven = agent(**PACE)
    instance = server.add(1, lost_contact="stop")
    beats = tmp_path / "beats"
    driven.give(1, beating(beats))
    eventually(lambda: instance.heartbeats > 1 and beats.exists())
    server.down = True
    eventually(lambda: gone(tmp_path / "beats.pid"), 20)
    assert last_beat(beats) <= instance.heard_at + LOST * INCREMENT
    server.down = False
    driven.until_ended(1)
    said = server.last(1)
    assert (said["report"], said["error_state"]) == ("log_error_worker_node", "ERROR")
    assert (said["kind"], said["reason_code"]) == ("infrastructure", "lost_contact")


def test_where_it_may_go_on_it_does(
    agent: Callable[..., Driven], server: ScriptedServer, tmp_path: Path
) -> None:
    driven = agent(**PACE)
    server.add(1)
    go = tmp_path / "go"
    driven.give(1, f"while [ ! -e {go} ]; do sleep 0.05; done")
    driven.until_started(1)
    server.down = True
    lapse = boot_seconds() + 2 * INCREMENT
    eventually(lambda: boot_seconds() > lapse, 20)
    go.touch()
    server.down = False
    driven.until_ended(1)
    assert server.last(1)["report"] == "log_done"


def test_what_is_in_touch_runs_on(
    agent: Callable[..., Driven], server: ScriptedServer, tmp_path: Path
) -> None:
    driven = agent(**PACE)
    instance = server.add(1, lost_contact="stop")
    go = tmp_path / "go"
    driven.give(1, f"while [ ! -e {go} ]; do sleep 0.05; done")
    eventually(lambda: instance.heartbeats > 8, 30)
    go.touch()
    driven.until_ended(1)
    assert server.last(1)["report"] == "log_done"


@pytest.fixture
def frozen(server: ScriptedServer, tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Start a worker of its own for one command, which must stop; thawed and ended afterwards."""
    started: list[subprocess.Popen[bytes]] = []

    def start(command: str) -> subprocess.Popen[bytes]:
        server.add(5, command=command, lost_contact="stop")
        options = ["--server-url", server.url, "--log-dir", str(tmp_path / "logs")]
        pace = {f"JOBMON_{name.upper()}": str(value) for name, value in PACE.items()}
        process = subprocess.Popen(
            [sys.executable, "-m", "jobmon_client.worker", "run", "--task-instance-id", "5", *options],
            env={**os.environ, **pace},  # noqa: TID251 - what a worker inherits
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


@pytest.mark.parametrize("first", ["", "trap '' TERM;"])
def test_a_worker_that_is_stopped_keeps_nothing_alive(
    frozen: Callable[[str], subprocess.Popen[bytes]], server: ScriptedServer, tmp_path: Path, first: str
) -> None:
    beats = tmp_path / "beats"
    process = frozen(beating(beats, first=first))
    instance = server.instances[5]
    eventually(lambda: instance.heartbeats > 1 and beats.exists(), 30)
    process.send_signal(signal.SIGSTOP)
    eventually(lambda: gone(tmp_path / "beats.pid"), 20)
    assert last_beat(beats) <= instance.heard_at + LOST * INCREMENT
    process.send_signal(signal.SIGCONT)
    process.wait(30)
    assert (server.last(5)["error_state"], server.last(5)["kind"]) == ("ERROR", "infrastructure")


def test_what_left_its_group_is_ended_too(
    frozen: Callable[[str], subprocess.Popen[bytes]], server: ScriptedServer, tmp_path: Path
) -> None:
    beats = tmp_path / "beats"
    apart = tmp_path / "apart.sh"
    apart.write_text(beating(beats))
    process = frozen(f"setsid sh {apart} & wait")
    eventually(lambda: server.instances[5].heartbeats > 1 and beats.exists(), 30)
    process.send_signal(signal.SIGSTOP)
    eventually(lambda: gone(tmp_path / "beats.pid"), 20)


def test_a_watch_that_was_killed_is_replaced_and_knows_all(
    agent: Callable[..., Driven], server: ScriptedServer, tmp_path: Path
) -> None:
    driven = agent(**PACE)
    instance = server.add(1, lost_contact="stop")
    driven.give(1, f"echo $$ > {tmp_path}/pid; sleep 300")
    eventually(lambda: instance.heartbeats > 1 and (tmp_path / "pid").exists())
    watch = driven.agent._supervisor.contacts._watch
    first = watch.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    eventually(lambda: watch.pid != first, 20)
    assert watch.pid is not None
    os.kill(watch.pid, 0)
    assert is_running(int((tmp_path / "pid").read_text()))


def test_the_watch_ends_what_runs_when_its_agent_is_gone(
    frozen: Callable[[str], subprocess.Popen[bytes]], server: ScriptedServer, tmp_path: Path
) -> None:
    process = frozen(f"echo $$ > {tmp_path}/pid; exec sleep 300")
    eventually(lambda: server.instances[5].heartbeats > 1 and (tmp_path / "pid").exists(), 30)
    process.kill()
    eventually(lambda: gone(tmp_path / "pid"), 20)


def test_nothing_is_started_out_of_touch(tmp_path: Path) -> None:
    item = WorkItem(1, "a", "true", 1, 1)
    job = Job(item, LogFiles.of(item, tmp_path), is_guarded=True)
    contacts = Contacts(10.0, {1: job}.get)
    try:
        contacts.all_heard([1], boot_seconds(), 60.0)
        assert contacts.may_start(job)
        contacts.all_heard([1], boot_seconds() - 50, 60.0)
        assert job.contact is not None
        assert boot_seconds() - job.contact.sent_at < 40, "an answer that comes late says nothing new"
        contacts.all_heard([1], boot_seconds(), 0.000_001)
        eventually(lambda: not contacts.may_start(job))
    finally:
        contacts.close()
