"""How many searches one process runs at once: what may take long leaves most threads to reports."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from jobmon_server.errors import Busy

#: How long a search waits for another to end before its caller is told to ask again, in seconds.
WAIT_SECONDS = 0.25


class SearchSlots:
    """So many search at once; as many more wait a moment for one of those to end, and no more than that."""

    def __init__(self, number: int) -> None:
        """Have this many places to search in, and to wait in."""
        self._searching = threading.BoundedSemaphore(number)
        self._waiting = threading.BoundedSemaphore(number)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a place during the block. Raises `Busy` when there is none."""
        if not (self._searching.acquire(blocking=False) or self._waited()):
            raise Busy("Too many searches run on this server; ask again.")
        try:
            yield
        finally:
            self._searching.release()

    def _waited(self) -> bool:
        if not self._waiting.acquire(blocking=False):
            return False
        try:
            return self._searching.acquire(timeout=WAIT_SECONDS)
        finally:
            self._waiting.release()
