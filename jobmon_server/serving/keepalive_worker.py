"""gunicorn's threaded worker, but a thread that has answered waits a moment on its connection for the next request.

gunicorn hands every request from its main thread to a thread and back, even where the next one follows at once: two changes
of thread, a pipe and the poller's lists for each, of which none is needed while there is a thread to spare.
"""

from __future__ import annotations

import os
import select
import threading
from types import FrameType
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

#: How long a thread waits for the next request, in seconds. However long: a request that finds no thread free calls one.
LINGER = 2.0


class LingeringWorker(ThreadWorker):  # type: ignore[misc]
    """Threads stay with their connections as long as nobody else needs a thread."""

    def init_process(self) -> None:
        """Count threads and make the pipe by which they are called, in the worker's own process."""
        self._counting = threading.Lock()
        self._taken = 0
        self._unbegun = 0
        self._lingering = 0
        self._called, self._call = os.pipe()
        for end in (self._called, self._call):
            os.set_blocking(end, False)
        super().init_process()

    def enqueue_req(self, conn: TConn) -> None:
        """Give a request to a thread; if none is free, call one of those that only wait."""
        with self._counting:
            self._unbegun += 1
            is_needed = self._lingering > 0 and self._taken + self._unbegun > self.cfg.threads
        if is_needed:
            self._call_threads(1)
        super().enqueue_req(conn)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin the end: nobody waits any longer."""
        super().handle_exit(sig, frame)
        self._call_threads(self.cfg.threads)

    def handle(self, conn: TConn) -> Any:
        """Answer a request, and those that follow it soon; runs in a thread."""
        with self._counting:
            self._unbegun -= 1
            self._taken += 1
        try:
            kept = super().handle(conn)
            while kept is True and self._follows(conn):
                kept = super().handle(conn)
            return kept
        finally:
            with self._counting:
                self._taken -= 1

    def _follows(self, conn: TConn) -> bool:
        """Wait for the connection's next request; False when it takes long, or the thread is needed elsewhere."""
        if not self.alive:
            return False
        if conn.parser.unreader.buf.getvalue():
            return True
        with self._counting:
            if self._unbegun > 0:
                return False
            self._lingering += 1
        try:
            return self._waits_for(conn.sock.fileno())
        finally:
            with self._counting:
                self._lingering -= 1

    def _waits_for(self, connection: int) -> bool:
        poll = select.poll()
        for descriptor in (connection, self._called):
            poll.register(descriptor, select.POLLIN)
        while ready := dict(poll.poll(LINGER * 1000)):
            if connection in ready:
                return True
            if self._is_called():
                return False
        return False

    def _call_threads(self, number: int) -> None:
        try:
            os.write(self._call, b"\0" * number)
        except BlockingIOError:
            # So full a pipe calls more threads than there are.
            return

    def _is_called(self) -> bool:
        """Take one call, so that as many threads hear as were called; another may have been quicker."""
        try:
            return bool(os.read(self._called, 1))
        except BlockingIOError:
            return False
