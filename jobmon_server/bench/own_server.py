"""The server that is measured: `jobmon-server serve` with the user's settings, on loopback, for a while."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobmon_client.system.private_files import open_bytes
from jobmon_server.bench.deferred_signals import deferred_signals
from jobmon_server.config import Settings, child_environment
from jobmon_server.errors import ConfigurationError
from jobmon_server.serving.server_file import read_url

START_SECONDS = 60.0
END_SECONDS = 30.0
POLL_SECONDS = 0.05
#: Whatever the settings say, nobody else may find it.
ALONE = ("--host", "127.0.0.1", "--port", "0", "--no-auth", "--log-level", "warning")


@contextmanager
def serving(settings: Settings) -> Iterator[tuple[str, int]]:
    """Serve what these settings name until the block ends; its URL and its process id."""
    log = Path(settings.data_dir) / "server.log"
    command = [sys.executable, "-m", "jobmon_server", "serve", *ALONE]
    command += ["--workers", str(settings.workers), "--threads", str(settings.threads)]
    # By the environment: a command line is everybody's to read, and the address may hold a password.
    environment = child_environment(database_url=settings.database_url, data_dir=settings.data_dir)
    process: subprocess.Popen[bytes] | None = None
    try:
        # A signal while it is being started would leave a server that nobody ends.
        with open_bytes(log, "w") as output, deferred_signals():
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )
        yield _url(settings.server_file, process, log), process.pid
    finally:
        if process is not None:
            _end(process)


def _url(file: Path, process: subprocess.Popen[bytes], log: Path) -> str:
    pause = threading.Event()
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if url := read_url(file):
            return url
        pause.wait(POLL_SECONDS)
    said = log.read_text(errors="replace")[-2_000:].strip()
    raise ConfigurationError(f"The server did not start: {said or 'it said nothing'}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end; after a while end it and its workers."""
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
