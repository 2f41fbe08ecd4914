"""gunicorn, run from Python, with `deploy/gunicorn.conf.py` and the settings over it."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from importlib.resources import files
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import Application
from gunicorn.arbiter import Arbiter
from sqlalchemy.engine import make_url

from jobmon_client.system.lossy import lossy
from jobmon_server.app import create_app
from jobmon_server.background.jobs import KINDS, LeaderJobs
from jobmon_server.config import Settings
from jobmon_server.db.core import statement_log
from jobmon_server.db.core.transaction import Database
from jobmon_server.serving.announcement import Announcement
from jobmon_server.serving.http_worker import HttpWorker
from jobmon_server.serving.server_file import ServerFile
from jobmon_server.serving.while_used import WhileUsed
from jobmon_server.shared_counters import SLOTS, Board, SharedCounters

#: Connections beside one for each thread: the duties' and the watcher's.
OWN_CONNECTIONS = len(KINDS) + 1


class GunicornServer(Application):  # type: ignore[misc]
    """The gunicorn application: one arbiter, and in each worker an engine, an application and its duties."""

    def __init__(self, settings: Settings, server_file: ServerFile | None, listener: socket.socket) -> None:
        """Take over the bound socket and the locked file."""
        self.settings = settings
        self.server_file = server_file
        host, port = listener.getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._announcement = Announcement(settings, self.url)
        self.bind = f"fd://{listener.detach()}"
        # Before the fork: all workers count in one memory, each in a slot that its successor takes over.
        self._board = Board(SLOTS)
        self._free = set(range(SLOTS))
        self._slot: int | None = None
        self._worker: HttpWorker | None = None
        super().__init__()

    def load_config(self) -> None:
        """Read the shipped file, then lay the settings over it."""
        self.load_config_from_file(str(files("jobmon_deploy").joinpath("gunicorn.conf.py")))
        given: dict[str, Any] = {
            "bind": self.bind,
            "workers": self.settings.workers,
            "threads": self.settings.threads,
            "loglevel": "debug" if self.settings.log_level == "debug" else "warning",
            "when_ready": self._announce,
            "pre_fork": self._give_slot,
            "child_exit": self._take_slot,
            "post_worker_init": self._begin,
            "on_exit": self._withdraw,
        }
        for name, value in given.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the application; called in each worker, after the fork."""
        tally = SharedCounters() if self._slot is None else SharedCounters(self._board, self._slot)
        database = Database.connect(
            self.settings.database_url, self.settings.threads + OWN_CONNECTIONS, tally, self.settings.limits
        )
        if self.settings.log_sql:
            statement_log.listen(database.engine)
        duties = LeaderJobs(database, self.settings, threading.Event())
        duties.start()
        watch = self._watch(database)

        def end(_arbiter: Any, _worker: Any) -> None:
            for thread in (duties, watch):
                if thread is not None:
                    thread.stop()
            database.dispose()

        self.cfg.set("worker_exit", end)
        return create_app(
            database, self.settings, lambda: self._worker is not None and not self._worker.alive
        )

    def _give_slot(self, _arbiter: Any, worker: Any) -> None:
        """Say, in the arbiter, where the worker that is forked next will count."""
        self._slot = worker.tally_slot = min(self._free, default=None)
        self._free.discard(worker.tally_slot)

    def _take_slot(self, _arbiter: Any, worker: Any) -> None:
        """Give the slot of a worker that has ended to the next."""
        if worker.tally_slot is not None:
            self._free.add(worker.tally_slot)

    def _begin(self, worker: HttpWorker) -> None:
        """Know, in a worker, which it is, and let the arbiter's signals come."""
        self._worker = worker
        _listen_to_the_arbiter()

    def run(self) -> None:
        """Run the arbiter; it exits the process."""
        _Arbiter(self).run()

    def _watch(self, database: Database) -> WhileUsed | None:
        if not self.settings.while_used:
            return None
        arbiter = os.getppid()

        def end() -> None:
            if self.server_file is not None:
                self.server_file.withdraw()
            if os.getppid() == arbiter:
                os.kill(arbiter, signal.SIGTERM)

        watch = WhileUsed(Path(self.settings.while_used), database, end)
        watch.start()
        return watch

    def _withdraw(self, _arbiter: Any) -> None:
        self._announcement.withdraw()

    def _announce(self, _arbiter: Any) -> None:
        # Before anybody is told where the server is: who finds it looks for the token.
        self._announcement.publish()
        shown = make_url(self.settings.database_url).render_as_string(hide_password=True)
        output = lossy(sys.stdout)
        output.write(f"jobmon-server: listening on {self.url} (database {shown})\n")
        output.flush()
        if self.server_file is not None:
            self.server_file.announce(self.url)


class _Arbiter(Arbiter):  # type: ignore[misc]
    """gunicorn's, but an interrupt from the keyboard and a terminal that closes are as polite as SIGTERM."""

    is_hangup_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN

    def handle_int(self) -> None:
        """Let running requests end."""
        self.handle_term()

    def handle_hup(self) -> None:
        """Let running requests end, unless SIGHUP was ignored when we were started (`nohup`)."""
        if not self.is_hangup_ignored:
            self.handle_term()

    def spawn_worker(self) -> Any:
        """Fork a worker that cannot lose a SIGTERM: one that comes before it listens to signals waits until it does."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            return super().spawn_worker()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _listen_to_the_arbiter() -> None:
    """What a terminal sends reaches the whole process group and the arbiter alone acts on it; what it has sent comes now."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
