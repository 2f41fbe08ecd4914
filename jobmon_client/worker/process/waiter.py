"""The agent's one waiting point: child processes, calls posted by other threads, and the clock."""

from __future__ import annotations

import os
import selectors
from collections import deque
from collections.abc import Callable

import structlog

from jobmon_client.worker.process.command_process import UNWATCHED, Process

log = structlog.get_logger(__name__)

UNWATCHED_POLL = 0.05
"""Seconds between two questions to processes that there was no descriptor for."""


class Waiter:
    """Runs callbacks in the one thread that calls `wait`; `post` may be called from any thread."""

    def __init__(self) -> None:
        """Open the selector."""
        self._selector = selectors.DefaultSelector()
        self._posted: deque[Callable[[], None]] = deque()
        self._unwatched: list[tuple[Process, Callable[[], None]]] = []
        self._rung = False
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._selector.register(self._bell, selectors.EVENT_READ, None)

    def post(self, call: Callable[[], None]) -> None:
        """Have `call` made in the waiting thread, in the order of posting."""
        self._posted.append(call)
        if not self._rung:  # else who was rung for finds this call too: it looks after it has reset this
            self._rung = True
            os.eventfd_write(self._bell, 1)

    def watch(self, process: Process, ended: Callable[[], None]) -> None:
        """Have `ended` called once, when the leader of the process has ended."""
        if process.pidfd == UNWATCHED:
            self._unwatched.append((process, ended))
        else:
            self._selector.register(process.pidfd, selectors.EVENT_READ, ended)

    def wait(self, timeout: float | None) -> None:
        """Wait at most `timeout` seconds for something to happen, and make the calls that are due.

        One that raises is logged, and keeps none of the others from being made.
        """
        if self._unwatched:
            timeout = UNWATCHED_POLL if timeout is None else min(timeout, UNWATCHED_POLL)
        for key, _ in self._selector.select(timeout):
            if key.data is None:
                os.eventfd_read(self._bell)
                self._rung = False
            else:
                self._selector.unregister(key.fd)
                _call(key.data)
        for one in [one for one in self._unwatched if one[0].exited()]:
            self._unwatched.remove(one)
            _call(one[1])
        while self._posted:
            _call(self._posted.popleft())


def _call(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:  # the other callbacks are for other commands
        log.exception("callback_failed")
