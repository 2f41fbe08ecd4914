"""Ctrl-C, SIGTERM and SIGHUP: the first asks for a clean end, the second for an end at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from queue import SimpleQueue
from threading import Event
from types import FrameType
from typing import Any, Self

from jobmon_client.loop import is_ignored_hangup

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Catches signals while it is entered in the main thread; elsewhere it is only asked."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self.first = Event()
        self.second = Event()
        self._noticed: SimpleQueue[bool] = SimpleQueue()
        self._callbacks: list[Callable[[], None]] = []
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Begin to catch."""
        if threading.current_thread() is threading.main_thread():
            caught = [number for number in SIGNALS if not is_ignored_hangup(number)]
            self._before = {number: signal.signal(number, self._handle) for number in caught}
        threading.Thread(target=self._follow, name="interrupts", daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Give the signals back to whoever had them."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._noticed.put(False)

    def call(self, callback: Callable[[], None]) -> None:
        """Call this, in another thread, at each signal."""
        self._callbacks.append(callback)

    def ask(self, *, at_once: bool = False) -> None:
        """Do what a signal does, what a second one does if it is to be at once."""
        self._noticed.put(True)
        if at_once:
            self._noticed.put(True)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        # Setting an Event here may deadlock with the very wait that was interrupted; this put may not.
        self._noticed.put(True)

    def _follow(self) -> None:
        while self._noticed.get():
            (self.second if self.first.is_set() else self.first).set()
            for callback in tuple(self._callbacks):
                callback()
