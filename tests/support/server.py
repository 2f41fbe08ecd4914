"""The real server as a subprocess."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobmon_client.access.credentials import local_token
from tests.support.processes import end, kill
from tests.support.waiting import eventually

#: A quiet machine needs half a second; one that is used by others needed more than 20.
START_TIMEOUT = 60.0
"""Seconds until a started server must have said its URL."""

LISTENING = re.compile(r"^jobmon-server: listening on (http://\S+)", re.MULTILINE)


@dataclass(slots=True)
class LiveServer:
    """A `jobmon-server serve` that answers at `url`."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    database_url: str
    data_dir: Path

    @property
    def token(self) -> str:
        """The local token, for who speaks HTTP without our client."""
        return local_token(self.data_dir, self.url) or ""

    @property
    def headers(self) -> dict[str, str]:
        """The header that has it."""
        return {"Authorization": f"Bearer {self.token}"}

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        return end(self.process, timeout=20)

    def kill(self) -> int:
        """SIGKILL to the server and its workers, as a power cut would."""
        return kill(self.process)


def data_home_of(directory: Path) -> Path:
    """Where a server keeps its local token that is started in this directory: where `Jobmon(directory)` looks for it."""
    return directory


def environment(**settings: str) -> dict[str, str]:
    """The environment of a child process: ours without its JOBMON_ settings, and these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JOBMON_")}
    return {**kept, "PYTHONUNBUFFERED": "1", **settings}


@contextmanager
def serve(
    database_url: str, directory: Path, *options: str, port: int = 0, limits: str = ""
) -> Iterator[LiveServer]:
    """Serve a database until the block ends; logs and the data directory are in `directory`.

    In the block this process and its children look for the server's token where it is.
    """
    server = start(database_url, directory, options, port=port, limits=limits)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_DATA_HOME", str(data_home_of(directory)))
            yield server
    except BaseException:
        server.kill()
        raise
    server.stop()


def start(
    database_url: str, directory: Path, options: Sequence[str] = (), *, port: int = 0, limits: str = ""
) -> LiveServer:
    """Start a server and wait until it has said its URL; who calls this stops it. `limits` is said to a shell first."""
    log = directory / f"server-{len(list(directory.glob('server-*.log')))}.log"
    # -W is not set: the server runs as a user runs it.
    command = [
        sys.executable,
        "-m",
        "jobmon_server",
        "serve",
        "--port",
        str(port),
        "--database-url",
        database_url,
    ]
    if limits:
        command = ["/bin/sh", "-c", f'{limits}; exec "$@"', "sh", *command]
    with log.open("wb") as output:
        process = subprocess.Popen(  # our own program
            [*command, *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environment(XDG_DATA_HOME=str(data_home_of(directory))),
            start_new_session=True,
        )
    try:
        url = eventually(lambda: said_url(process, log), START_TIMEOUT, what="the server says its URL")
    except BaseException:
        kill(process)
        raise
    return LiveServer(url, process, log, database_url, data_home_of(directory) / "jobmon")


def said_url(process: subprocess.Popen[bytes], log: Path) -> str:
    """The URL in the server's first line, or nothing yet; RuntimeError with its log when it has ended."""
    said = log.read_text(errors="replace")
    if process.poll() is not None:
        message = f"jobmon-server ended with {process.returncode}:\n{said[-4000:]}"
        raise RuntimeError(message)
    found = LISTENING.search(said)
    return found[1] if found else ""
