"""A server inside the calling process: for notebooks, and for users' own tests.

    with Server() as server:
        workflow.run(server_url=server.url)

Loopback only, one process, the duties in threads. What must outlive the process belongs to `jobmon-server serve`. It asks
for the local token (`auth`), which this user's clients find in the user's data directory; a fresh database's goes with it.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from jobmon_server.app import create_app
from jobmon_server.background.jobs import LeaderJobs
from jobmon_server.config import Settings, own_environment
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema import lifecycle
from jobmon_server.local_token import LocalToken
from jobmon_server.serving.announcement import Announcement
from jobmon_server.settings.auth import LOCAL

THREADS = 16
HOST = "127.0.0.1"


class Server:
    """A server while it is entered; `url` is its address. May be entered again when it was left."""

    def __init__(self, database_url: str | None = None, *, port: int = 0, reaper_period: float = 0.2) -> None:
        """Serve a database, by default a fresh one that is gone afterwards; `reaper_period` is in seconds."""
        self._database_url = database_url
        self._port = port
        self._reaper_period = reaper_period
        self._held = ExitStack()
        self.url = ""

    def __enter__(self) -> Self:
        """Make the schema if there is none, and answer; raise WrongSchema, ConfigurationError or OSError."""
        with ExitStack() as held:
            directory = Path(
                held.enter_context(TemporaryDirectory(prefix="jobmon-", ignore_cleanup_errors=True))
            )
            settings = Settings.load(
                {
                    "database_url": self._database_url or f"sqlite:///{directory / 'jobmon.db'}",
                    "reaper_period": self._reaper_period,
                },
                {"HOME": str(directory), **own_environment()},
            )
            if settings.auth == LOCAL:
                self._make_token(held, settings)
            with lifecycle.usable(settings.database_url) as checked:
                lifecycle.prepare(checked.engine)
            database = Database.connect(settings.database_url, THREADS, limits=settings.limits)
            held.callback(database.dispose)
            stopping = threading.Event()
            app = create_app(database, settings, stopping.is_set)
            listening = make_server(HOST, self._port, app, threaded=True, request_handler=_Quiet)
            held.callback(listening.server_close)
            self._serve(held, listening)
            duties = LeaderJobs(database, settings, stopping)
            duties.start()
            held.callback(duties.stop)
            self.url = f"http://{HOST}:{listening.server_port}"
            announcement = Announcement(settings, self.url)
            announcement.publish()
            held.callback(announcement.withdraw)
            self._held = held.pop_all()
        return self

    def _make_token(self, held: ExitStack, settings: Settings) -> None:
        token = LocalToken.of(settings)
        token.make()
        if self._database_url is None:
            held.callback(token.path.unlink, missing_ok=True)

    def _serve(self, held: ExitStack, listening: BaseWSGIServer) -> None:
        thread = threading.Thread(
            target=listening.serve_forever, args=(0.05,), name="jobmon server", daemon=True
        )
        thread.start()
        held.callback(thread.join)
        held.callback(listening.shutdown)

    def __exit__(self, *_exception: object) -> None:
        """End: calls that are being answered are not waited for."""
        self._held.close()


class _Quiet(WSGIRequestHandler):
    """Keeps connections open between calls, as a real server does, and writes no line for each."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Nothing: the application logs what matters."""
