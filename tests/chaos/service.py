"""Processes that are started again when they die, as an init system would."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.processes import end

RESTART_PAUSE = 0.2
"""Seconds between a death and the next start."""


class Service:
    """One program in a session of its own; it is started again, with the same arguments, whenever it has ended."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], home: Path) -> None:
        self.starts = 0
        self._command = list(command)
        self._environment = dict(environment)
        self._home = home
        self.log = home / f"{name}.log"
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._process = self._spawn()
        self._thread = threading.Thread(target=self._supervise, name=f"supervisor of {name}", daemon=True)
        self._thread.start()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The one that runs now, or ran last."""
        return self._process

    @property
    def pid(self) -> int:
        """Of the process that runs now, or ran last."""
        return self._process.pid

    def kill(self) -> bool:
        """SIGKILL to its whole group; return whether there was one to be killed."""
        with self._lock:
            process = self._process
            if process.poll() is not None:
                return False
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        return True

    def stop(self, timeout: float = 20.0) -> int:
        """SIGTERM, and no more restarts; return the exit code."""
        with self._lock:
            self._stop.set()
        code = end(self._process, timeout)
        self._thread.join(5)
        return code

    def _supervise(self) -> None:
        while True:
            self._process.wait()
            if self._stop.wait(RESTART_PAUSE):
                return
            with self._lock:
                if self._stop.is_set():
                    return
                self._process = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        self.starts += 1
        return spawn(self._command, self._environment, self._home, self.log)


def spawn(
    command: Sequence[str], environment: Mapping[str, str], home: Path, log: Path
) -> subprocess.Popen[bytes]:
    """Start it in a session of its own, its output appended to `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=home,
            start_new_session=True,
        )


def lasting_port() -> int:
    """A free port below those that the system gives to connections, so that it is still free after a crash."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
