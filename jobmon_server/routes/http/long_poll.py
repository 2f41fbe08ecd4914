"""Requests that wait for something to end: a few at one time, looking again and again, with nothing held in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: Seconds between the first two looks, between later ones at most, and by what they grow.
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.5
GROWTH = 1.5


class LongPolls:
    """At most half of a process's threads wait, so that the reports which end the waiting still find one."""

    def __init__(self, threads: int, closing: Callable[[], bool]) -> None:
        """Take the threads there are, and what tells that the process is about to end, and all waiting with it."""
        self._places = threading.Semaphore(threads // 2)
        self._closing = closing

    def wait(self, is_over: Callable[[], bool], seconds: float) -> bool:
        """Return when it is over or the time is up; False, at once, if it is not over and no place was left to wait in."""
        deadline = time.monotonic() + seconds
        if is_over() or not seconds:
            return True
        if not self._places.acquire(blocking=False):
            return False
        try:
            self._look_again(is_over, deadline)
        finally:
            self._places.release()
        return True

    def _look_again(self, is_over: Callable[[], bool], deadline: float) -> None:
        pause, idle = FIRST_PAUSE, threading.Event()
        while (left := deadline - time.monotonic()) > 0 and not self._closing():
            idle.wait(min(pause, left))
            if is_over():
                return
            pause = min(pause * GROWTH, LONGEST_PAUSE)
