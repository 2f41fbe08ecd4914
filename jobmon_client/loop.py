"""The shape of every long-lived loop: wait on an Event, so that a signal ends the wait at once."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from threading import Event
from types import FrameType

import structlog

log = structlog.get_logger(__name__)


def boot_seconds() -> float:
    """Return seconds since the machine booted, those asleep included: what a server's clock goes on for too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Backoff:
    """Waiting times in seconds with full jitter: uniform between 0 and a limit that doubles up to `longest`."""

    def __init__(self, first: float = 0.1, longest: float = 10.0) -> None:
        """Begin with the limit `first`."""
        self._first = first
        self._longest = longest
        self._limit = first

    def next(self) -> float:
        """Return the next waiting time and double the limit."""
        pause = random.uniform(0, self._limit)
        self._limit = min(self._longest, self._limit * 2)
        return pause

    def reset(self) -> None:
        """Begin again, after a success."""
        self._limit = self._first


def run_every(period: float, step: Callable[[], object], stop: Event) -> None:
    """Call `step` every `period` seconds until `stop` is set; a step that raises is logged and does not end the loop.

    The period counts from start to start; a step that takes longer is followed by the next at once.
    """
    run_paced(lambda: period, step, stop, stop)


def run_paced(period: Callable[[], float], step: Callable[[], object], stop: Event, wake: Event) -> None:
    """Do so with a period that may change; whoever sets `wake` has the next step made at once. Stop sets both."""
    while not stop.is_set():
        began = time.monotonic()
        try:
            step()
        except Exception:  # the top of a long-lived loop: one bad round must not end all rounds
            log.exception("step_failed")
        wake.wait(max(0.0, period() - (time.monotonic() - began)))
        if wake is not stop:
            wake.clear()


def stop_on_signals(stop: Event, *signals: signal.Signals) -> None:
    """Set `stop` on SIGTERM, SIGINT and SIGHUP, or on the signals given; call it from the main thread.

    A SIGHUP that is ignored, by `nohup` say, stays so.
    """

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in signals or (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if not is_ignored_hangup(number):
            signal.signal(number, handle)


def is_ignored_hangup(number: signal.Signals) -> bool:
    """Whether this is SIGHUP and this process was started to ignore it."""
    return number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN
