"""gunicorn's worker process, with uvicorn in it: begun and ended as the arbiter wants it."""

from __future__ import annotations

import asyncio
import os
from types import FrameType
from typing import TYPE_CHECKING, Any

from gunicorn.workers.base import Worker

from jobmon_server.config import Settings

if TYPE_CHECKING:
    from jobmon_server.serving.http_server import HttpServer


class HttpWorker(Worker):  # type: ignore[misc]
    """Serves until it is told to end, or until nobody is there to tell it."""

    def __init__(self, *arguments: Any) -> None:
        """Be made in the arbiter, before the fork."""
        super().__init__(*arguments)
        self._server: HttpServer | None = None

    def run(self) -> None:
        """Serve; when told to end, replies under way are sent first."""
        # Loaded here, for the arbiter serves nobody.
        import uvloop

        from jobmon_server.serving.http_server import log_as, make_server

        # An application that is not ours, in a bench, is served with the defaults.
        settings: Settings = getattr(self.app, "settings", None) or Settings(threads=self.cfg.threads)
        log_as(self.log.error_log)
        self._server = make_server(self.wsgi, settings, self.cfg, self._beat)
        self._server.should_exit = not self.alive
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._server.serve([one.sock for one in self.sockets]))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin the end: no connection is taken any more, nothing is waited for that need not be."""
        super().handle_exit(sig, frame)
        self._end()

    async def _beat(self) -> None:
        """Tell the arbiter that the event loop runs; end when the arbiter is gone."""
        self.notify()
        if self.ppid != os.getppid():
            self.alive = False
            self._end()

    def _end(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
