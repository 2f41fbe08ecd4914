"""`--while-used FILE`: the server ends when nobody holds a shared lock on FILE and nothing is left to be killed."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from jobmon_client.system.private_files import make_directory, open_descriptor
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.reads.lookups import count_kill_self
from jobmon_server.errors import JobmonServerError

FIRST_SECONDS = 3.0
PERIOD_SECONDS = 0.5
GIVE_UP_SECONDS = 60.0
"""A server that nobody uses and that cannot read its database for so many seconds ends; a later user starts another."""

log = structlog.get_logger(__name__)


class WhileUsed:
    """A thread that calls `end` once, holding the exclusive lock, so that who comes meanwhile waits for the next server."""

    def __init__(
        self,
        path: Path,
        database: Database,
        end: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watch `path`, which is made if it is not there."""
        self._clock = clock
        self._failing_since: float | None = None
        make_directory(path.parent)
        self._descriptor = open_descriptor(path, os.O_RDWR | os.O_CREAT)
        self._database = database
        self._end = end
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="while-used", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stopped.set()

    def _watch(self) -> None:
        wait = FIRST_SECONDS
        while not self._stopped.wait(wait):
            wait = PERIOD_SECONDS
            if self._is_unused():
                log.info("nobody uses this server any more")
                self._end()
                return

    def _is_unused(self) -> bool:
        """Take the lock, and keep it if the server may end."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        is_done = False
        try:
            # A file that was removed, as with its whole directory, is found by nobody any more.
            is_done = os.fstat(self._descriptor).st_nlink == 0 or self._is_done()
        finally:
            if not is_done:  # whatever went wrong: a lock that stayed would make every later command wait
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return is_done

    def _is_done(self) -> bool:
        """Tell whether everything that had to be killed is confirmed dead."""
        try:
            left = self._database.read(count_kill_self)
        except (JobmonServerError, SQLAlchemyError):
            log.warning("cannot count what is left to kill", exc_info=True)
            now = self._clock()
            if self._failing_since is None:
                self._failing_since = now
            return now - self._failing_since >= GIVE_UP_SECONDS
        self._failing_since = None
        return left == 0
