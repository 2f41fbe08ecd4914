"""No command outlives its worker unnoticed: a guardian ends it at once, and the disk tells a later agent."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobmon_client.worker.process.process_groups import Groups, boot, left, start_of, sweep
from tests.client.agents import gone, guardian_of
from tests.client.scripted_server import ScriptedServer
from tests.client.worker.test_worker_command import Start, item, order, worker
from tests.support.waiting import eventually

__all__ = ["worker"]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that leads a group, with a child in it."""
    process = subprocess.Popen(["/bin/sh", "-c", "sleep 300 & wait"], start_new_session=True)
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def two_generations(tmp_path: Path) -> tuple[str, Path, Path]:
    shell, child = tmp_path / "shell", tmp_path / "child"
    return f"echo $$ > {shell}; sleep 300 & echo $! > {child}; wait", shell, child


def written(*files: Path) -> bool:
    return all(file.exists() and file.read_text() for file in files)


def test_a_killed_agent_takes_its_commands_and_their_children_along(
    worker: Start, server: ScriptedServer, tmp_path: Path
) -> None:
    server.add(1)
    process = worker("agent")
    command, shell, child = two_generations(tmp_path)
    order(process, submit=[item(1, command)])
    eventually(lambda: written(shell, child), 30)
    process.kill()
    eventually(lambda: gone(shell) and gone(child), 20)


def test_a_killed_worker_of_one_instance_takes_its_command_along(
    worker: Start, server: ScriptedServer, tmp_path: Path
) -> None:
    command, shell, child = two_generations(tmp_path)
    server.add(1, command=command)
    process = worker("run", "--task-instance-id", "1")
    eventually(lambda: written(shell, child), 30)
    process.kill()
    eventually(lambda: gone(shell) and gone(child), 20)


def test_without_its_guardian_the_next_agent_ends_what_was_left(
    worker: Start, server: ScriptedServer, tmp_path: Path
) -> None:
    server.add(1)
    options = ("--spool-dir", str(tmp_path / "spool"))
    process = worker("agent", *options)
    command, shell, child = two_generations(tmp_path)
    order(process, submit=[item(1, command)])
    eventually(lambda: written(shell, child), 30)
    eventually(lambda: any(path.read_text().count("+") for path in (tmp_path / "spool").glob("*.groups")))
    os.kill(guardian_of(process.pid), signal.SIGKILL)
    process.kill()
    process.wait()
    assert not gone(shell)
    worker("agent", *options)
    eventually(lambda: gone(shell) and gone(child), 30)


def test_an_agent_that_ends_by_itself_leaves_no_file_and_no_guardian(
    worker: Start, server: ScriptedServer, tmp_path: Path
) -> None:
    server.add(1)
    process = worker("agent", "--spool-dir", str(tmp_path / "spool"))
    order(process, submit=[item(1, "true")])
    assert process.stdout
    assert '"started": [1]' in process.stdout.readline()
    guardian = guardian_of(process.pid)
    process.communicate(timeout=30)
    assert process.returncode == 0
    eventually(lambda: not Path(f"/proc/{guardian}").exists())
    assert list((tmp_path / "spool").iterdir()) == []


def dead_workers_file(directory: Path, *lines: str, of_boot: str = "") -> None:
    directory.mkdir(exist_ok=True)
    text = "".join(f"{line}\n" for line in (of_boot or boot(), *lines))
    directory.joinpath("dead.groups").write_text(text)


def test_a_group_is_known_by_pid_and_start(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    dead_workers_file(tmp_path, f"+ {sleeper.pid} {start_of(sleeper.pid)} 7")
    assert sweep(tmp_path) >= 1
    assert sleeper.wait(10) == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", ["another start", "another boot", "ended", "torn"])
def test_a_stranger_with_the_same_pid_is_spared(
    tmp_path: Path, sleeper: subprocess.Popen[bytes], how: str
) -> None:
    start = start_of(sleeper.pid)
    line = f"+ {sleeper.pid} {start} 7"
    if how == "another start":
        dead_workers_file(tmp_path, f"+ {sleeper.pid} {int(start) - 1} 7")
    elif how == "another boot":
        dead_workers_file(tmp_path, line, of_boot="another")
    elif how == "ended":
        dead_workers_file(tmp_path, line, f"- {sleeper.pid}")
    else:
        dead_workers_file(tmp_path, f"+ {sleeper.pid} {start}")
    assert sweep(tmp_path) == 0
    assert sleeper.poll() is None


def test_the_file_of_a_living_worker_is_left_alone(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    groups = Groups(tmp_path, "alive")
    groups.started(sleeper.pid, 7)
    assert sweep(tmp_path) == 0
    assert sleeper.poll() is None
    groups.ended(sleeper.pid)
    groups.close()
    assert list(tmp_path.iterdir()) == []


def test_a_long_file_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobmon_client.worker.process.process_groups.MOST_LINES", 10)
    groups = Groups(tmp_path, "alive")
    groups.started(os.getpid(), 1)
    for _ in range(50):
        groups.ended(1)
    lines = tmp_path.joinpath("alive.groups").read_text().splitlines()
    assert len(lines) < 20
    assert [pid for pid, _, _ in left(lines[1:])] == [os.getpid()]
    groups.close()
