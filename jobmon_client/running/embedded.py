"""The server that a command uses when none is named: found beside the database's file, or started there.

Two locks tell all. The server holds an exclusive flock on its `.server` file while it lives; whoever uses it holds a
shared one on the `.users` file, and a server that nobody uses ends by itself.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self
from urllib.parse import urlsplit

import structlog

from jobmon_client.access.credentials import Credentials
from jobmon_client.config import Settings, server_environment
from jobmon_client.errors import JobmonError, Unreachable
from jobmon_client.http import Http
from jobmon_client.loop import run_every
from jobmon_client.system.places import has_no_directory, make, try_writing
from jobmon_client.system.private_files import open_bytes

log = structlog.get_logger(__name__)

START_TIMEOUT = 30.0
"""Seconds that a server has from its start until it answers /ready."""
LOCK_TIMEOUT = 60.0
"""Seconds that others have to let go of a lock: one server's start, or its graceful end."""
POLL = 0.02
SQLITE = "sqlite:///"
LOG_TAIL = 2_000


class ServerMissing(JobmonError):
    """There is no server to start: the package is not installed."""


class ServerNotStarted(JobmonError):
    """The server that was started ended, or did not answer in time; the message has the end of its log."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a database's server writes its address and its log, and where its users hold their lock."""

    database_url: str
    data_dir: Path
    stem: Path

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Find it: beside a SQLite file, else in the data directory under a digest of the address."""
        url = settings.database_url or f"{SQLITE}{settings.data_dir / 'jobmon.db'}"
        file = url.removeprefix(SQLITE).partition("?")[0]
        if url.startswith(SQLITE) and file not in {"", ":memory:"}:
            return cls(url, settings.data_dir, Path(file).resolve())
        return cls(url, settings.data_dir, settings.data_dir / hashlib.sha256(url.encode()).hexdigest()[:16])

    def file(self, suffix: str) -> Path:
        """Return the path of the file with this suffix."""
        return self.stem.with_name(f"{self.stem.name}.{suffix}")

    @property
    def log(self) -> Path:
        """The file that the server's output is appended to."""
        return self.data_dir / "server.log"


class EmbeddedServer:
    """A server for as long as it is entered; `url` is its address, which stays the same if it has to be started again."""

    def __init__(self, settings: Settings, stop: threading.Event | None = None) -> None:
        """Use the server of the settings' database; once `stop` is set, waiting for it ends with Unreachable."""
        self._place = Place.of(settings)
        self._settings = settings
        self._held = ExitStack()
        self._interrupted = stop or threading.Event()
        self._left = threading.Event()
        self.url = ""

    def __enter__(self) -> Self:
        """Find or start it; raise ServerMissing or ServerNotStarted."""
        self._make_places()
        # Before looking: a server that ends because nobody uses it decides so under this lock.
        self._held.enter_context(self._locked(self._place.file("users"), fcntl.LOCK_SH))
        try:
            self.ensure()
        except BaseException:
            self._held.close()
            raise
        return self

    def _make_places(self) -> None:
        """Make the directories that it needs; raise BadSetting."""
        make(self._place.data_dir, "data_dir")
        if self._settings.database_url is not None:
            make(self._place.stem.parent, "database_url")

    def __exit__(self, *_exception: object) -> None:
        """Use it no longer."""
        self._left.set()
        self._held.close()

    @property
    def users_file(self) -> Path:
        """The file on which its users hold a shared flock."""
        return self._place.file("users")

    @property
    def log_file(self) -> Path:
        """The file that its output is appended to."""
        return self._place.log

    def ensure(self) -> None:
        """Return when the server answers; of several callers, one starts it."""
        with self._locked(self._place.file("starting"), fcntl.LOCK_EX):
            url = self._living()
            if url is None:
                url = self._start()
            self.url = url

    def watch(self, period: float = 1.0) -> None:
        """Until the block is left, start it again whenever it has vanished."""
        threading.Thread(
            target=run_every, args=(period, self._revive, self._left), name="server watch", daemon=True
        ).start()

    def _revive(self) -> None:
        if not is_locked(self._place.file("server")):
            log.warning("server_vanished", url=self.url)
            self.ensure()

    def _living(self) -> str | None:
        """Return the address of the server that lives and answers; None if there is none or it is ending."""
        file = self._place.file("server")
        deadline = time.monotonic() + LOCK_TIMEOUT
        while is_locked(file):
            url = _address(file)
            if url and _answers(url, self._place.data_dir):
                return url
            self._wait(deadline, f"the server of {file} lives but does not answer")
        return None

    @contextmanager
    def _locked(self, path: Path, kind: int) -> Iterator[None]:
        """Hold a lock on the file, which is made if it is not there; wait for it, but not for ever."""
        deadline = time.monotonic() + LOCK_TIMEOUT
        with open_bytes(path, "a") as file:
            while not _lock(file, kind):
                self._wait(deadline, f"{path} stays locked: a server that is ending, or one that hangs")
            yield

    def _wait(self, deadline: float, problem: str) -> None:
        if time.monotonic() > deadline:
            raise Unreachable(problem)
        if self._interrupted.wait(POLL):
            raise Unreachable("interrupted while waiting for the server")

    def _start(self) -> str:
        if importlib.util.find_spec("jobmon_server") is None:
            raise ServerMissing(
                "no server was named (--server, JOBMON_SERVER_URL) and none can be started here: pip install 'jobmon[server]'"
            )
        try:
            return self._spawn(urlsplit(self.url).port or 0)
        except ServerNotStarted:
            if not self.url:
                raise
            return self._spawn(0)

    def _spawn(self, port: int) -> str:
        try_writing(self._place.data_dir, "data_dir")
        command = [sys.executable, "-m", "jobmon_server", "serve", "--port", str(port)]
        command += ["--while-used", str(self.users_file)]
        # By the environment: a command line is everybody's to read, and the address may hold a password.
        environment = server_environment(
            database_url=self._place.database_url, data_dir=str(self._place.data_dir)
        )
        with open_bytes(self._place.log, "a") as output:
            start = output.tell()
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
                # A directory that was deleted is none to start in.
                cwd=self._place.data_dir if has_no_directory() else None,
            )
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            url = _address(self._place.file("server")) if is_locked(self._place.file("server")) else None
            if url and _answers(url, self._place.data_dir):
                # Collect it when it ends: until we end, it is our child.
                threading.Thread(target=process.wait, name="server wait", daemon=True).start()
                return url
            if process.poll() is not None:
                raise ServerNotStarted(f"the server ended with {process.returncode}:{self._log_tail(start)}")
            if self._interrupted.wait(POLL):
                break
        process.kill()
        process.wait()
        raise ServerNotStarted(
            f"the server did not answer within {START_TIMEOUT:g} s:{self._log_tail(start)}"
        )

    def _log_tail(self, start: int) -> str:
        with open_bytes(self._place.log) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(start, size - LOG_TAIL))
            said = file.read().decode(errors="replace").strip()
        return f"\n{said}\n(whole log: {self._place.log})"


def _lock(file: IO[bytes], kind: int) -> bool:
    """Lock the file if nobody is in the way; return whether that was so."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(path: Path) -> bool:
    """Whether somebody holds the file's exclusive lock."""
    try:
        with open_bytes(path) as file:
            return not _lock(file, fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def _address(path: Path) -> str | None:
    """Return the address in a server's file; None while it is being written."""
    try:
        url = json.loads(path.read_text())["url"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return url if isinstance(url, str) else None


def _answers(url: str, data_dir: Path) -> bool:
    http = Http(url, timeout=5.0, budget=0.0, credentials=Credentials(data_dir=data_dir, is_found=True))
    try:
        http.call("GET", "/ready")
    except JobmonError:
        return False
    finally:
        http.close()
    return True
