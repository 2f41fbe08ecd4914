"""What is told beside the work is lost where it cannot be written, and ends nothing."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from jobmon_client.running import progress
from jobmon_client.system.lossy import lossy

STATE = {"tasks": {"DONE": 1, "RUNNING": 1}}
TELLING = {
    "client": "from jobmon_client import log; log.configure(level='info')",
    "client, JSON": "from jobmon_client import log; log.configure(level='info', as_json=True)",
    "server": "from jobmon_server import log; log.configure()",
    "progress": "from jobmon_client.running import progress; told = progress.shown('a').__enter__()",
}
SAY = "import structlog\nfor _ in range(3): structlog.get_logger().info('x' * 9000)"
SHOW = "for done in range(3): told({'tasks': {'DONE': done}})"


@pytest.mark.parametrize("who", TELLING)
@pytest.mark.parametrize("where", ["2>/dev/full", "2>&-", "2> >(true)", ""])
def test_a_full_disk_or_a_closed_pipe_loses_lines_and_nothing_else(who: str, where: str) -> None:
    code = f"{TELLING[who]}\n{SHOW if who == 'progress' else SAY}\nprint('went on')"
    # The reader of the pipe has gone before anything is written.
    script = f'{{ sleep 0.2; exec "$0" -c "$1"; }} {where}' if ">(" in where else f'exec "$0" -c "$1" {where}'
    done = subprocess.run(
        ["bash", "-c", script, sys.executable, code],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert done.stdout == b"went on\n"


def test_what_can_be_written_is(tmp_path: Path) -> None:
    stream = io.StringIO()
    with progress.shown("a", stream=stream) as told:
        told(STATE)
    assert stream.getvalue() == "a: 1 of 2 done, 1 running, 0 failed\n"
    with (tmp_path / "log").open("w") as file:
        assert lossy(lossy(file)).write("said") == 4
    assert (tmp_path / "log").read_text() == "said"


def test_a_closed_file_loses_what_comes(tmp_path: Path) -> None:
    file = (tmp_path / "log").open("w")
    file.close()
    stream = lossy(file)
    stream.write("x")
    stream.flush()
    assert not stream.isatty()
