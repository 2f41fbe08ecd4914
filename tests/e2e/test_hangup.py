"""A terminal that closes (SIGHUP) ends a run, a distributor, an agent and a server as politely as SIGTERM; `nohup` keeps them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import environment
from tests.support.waiting import eventually

CLIENT = (sys.executable, "-c", "from jobmon_client.cli import main; main()")
SERVER = (sys.executable, "-m", "jobmon_server", "serve", "--port", "0")


def start(directory: Path, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        env=environment(XDG_DATA_HOME=str(directory / "data"), HOME=str(directory)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def definition(directory: Path, command: str) -> str:
    file = directory / "t.yaml"
    file.write_text(f'name: t\ntasks:\n  - {{name: a, max_attempts: 1, command: "{command}"}}\n')
    return str(file)


def test_a_run_ends_its_commands_and_can_be_resumed(tmp_path: Path) -> None:
    told = f"trap 'echo told > {tmp_path}/told; exit' TERM; touch {tmp_path}/begun; sleep 300 & wait"
    run = start(tmp_path, *CLIENT, "run", definition(tmp_path, told))
    eventually((tmp_path / "begun").exists, 60)
    run.send_signal(signal.SIGHUP)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "To go on: jobmon resume 1" in said
    assert (tmp_path / "told").exists()


def test_a_run_under_nohup_goes_on(tmp_path: Path) -> None:
    waits = f"touch {tmp_path}/begun; while [ ! -e {tmp_path}/go ]; do sleep 0.1; done"
    shell = 'trap "" HUP; exec "$@"'
    run = start(tmp_path, "/bin/sh", "-c", shell, "sh", *CLIENT, "run", definition(tmp_path, waits))
    eventually((tmp_path / "begun").exists, 60)
    run.send_signal(signal.SIGHUP)
    (tmp_path / "go").touch()
    run.communicate(timeout=60)
    assert run.returncode == 0


@pytest.mark.parametrize("command", [SERVER, (*CLIENT, "distributor", "--cluster", "dummy")])
def test_a_service_ends_by_itself(tmp_path: Path, command: tuple[str, ...]) -> None:
    service = start(tmp_path, *command)
    stream = service.stdout if command is SERVER else service.stderr
    assert stream
    assert "jobmon" in stream.readline()
    service.send_signal(signal.SIGHUP)
    service.communicate(timeout=60)
    assert service.returncode == 0
