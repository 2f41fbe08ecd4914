"""For how long one call waits for locks, in all: however many transactions it takes, and whoever holds what they want."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

#: Seconds; well below the 30 that our client waits for a reply, so that it hears `busy` and not nothing.
PATIENCE_SECONDS = 10.0


@dataclass(slots=True)
class TimeBudget:
    """How many seconds of waiting a call has left; what is spent on work does not count."""

    left: float = field(default_factory=lambda: PATIENCE_SECONDS)

    @contextmanager
    def spent(self) -> Iterator[None]:
        """Take what passes in the block off what is left."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.left -= time.monotonic() - began


_of_call: ContextVar[TimeBudget | None] = ContextVar("patience", default=None)


def start() -> None:
    """Have all transactions of this thread share one patience until `end`."""
    _of_call.set(TimeBudget())


def end() -> None:
    """Give each transaction of this thread a patience of its own again."""
    _of_call.set(None)


def current() -> TimeBudget:
    """Return the patience of the call that this thread answers, or a fresh one where it answers none."""
    return _of_call.get() or TimeBudget()
