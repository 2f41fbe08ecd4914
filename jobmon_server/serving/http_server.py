"""uvicorn in a worker process: an event loop that holds the connections, and threads that run the application."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

from gunicorn.config import Config as WorkerConfig
from uvicorn.config import Config
from uvicorn.server import Server

from jobmon_server.config import Settings
from jobmon_server.serving.connection import LAST_SECONDS, BoundedConnection, ConnectionLimits
from jobmon_server.serving.held_bytes import HeldBytes
from jobmon_server.serving.wsgi_bridge import WsgiBridge

#: Seconds between two beats.
BEAT_SECONDS = 1
#: Bytes of replies that wait for slow readers, in one process.
MOST_UNSENT = 128 * 2**20
#: File descriptors beside those of clients and of the threads' connections to the database.
OTHER_DESCRIPTORS = 64
#: Where descriptors are so few that none would be left, one in so many is for clients: each takes up to three, with what its
#: request needs of the database.
LEAST_SHARE = 8


class HttpServer(Server):
    """uvicorn's, which leaves signals to the worker."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Catch none."""
        yield


def make_server(
    application: Any, settings: Settings, worker: WorkerConfig, beat: Callable[[], Awaitable[None]]
) -> HttpServer:
    """Make the server of one process.

    Args:
        application: The WSGI application.
        settings: Its limits, and how many threads run it.
        worker: gunicorn's configuration: `deploy/gunicorn.conf.py`.
        beat: Awaited every second for as long as the event loop runs.
    """
    limits = ConnectionLimits(
        settings.head_timeout,
        settings.reply_timeout,
        _most_connections(settings.threads),
        HeldBytes(MOST_UNSENT),
    )
    return HttpServer(
        Config(
            WsgiBridge(application, settings, many_processes=worker.workers > 1),
            interface="asgi3",
            # Called as a class is.
            http=cast("type[asyncio.Protocol]", partial(BoundedConnection, limits)),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=worker.backlog,
            timeout_keep_alive=worker.keepalive,
            timeout_graceful_shutdown=max(1, worker.graceful_timeout - round(LAST_SECONDS)),
            timeout_notify=BEAT_SECONDS,
            callback_notify=beat,
        )
    )


def log_as(other: logging.Logger) -> None:
    """Let uvicorn log where another logger does, and what it does."""
    log = logging.getLogger("uvicorn.error")
    log.handlers = other.handlers
    log.setLevel(other.level)
    log.propagate = False


def _most_connections(threads: int) -> int:
    """Return how many clients may be connected, so that descriptors are left for the database and for files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, soft // LEAST_SHARE, soft - threads - OTHER_DESCRIPTORS)
