"""Waiting for what becomes true, with a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(check: Callable[[], T], timeout: float = 10.0, *, every: float = 0.02, what: str = "") -> T:
    """Return `check()` as soon as it is true; AssertionError after `timeout` seconds, with the last AssertionError of `check`."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while True:
        last: AssertionError | None = None
        try:
            if result := check():
                return result
        except AssertionError as error:
            last = error
        if time.monotonic() >= deadline:
            message = f"not true after {timeout:g} s: {what or getattr(check, '__name__', check)}"
            raise AssertionError(message) from last
        pause.wait(every)
