"""How often each step failed for each instance, and when it is worth another try. In memory: the server's deadlines hold anyway."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

#: A word for what is done, and what it is done to.
Key = tuple[str | int, ...]


@dataclass(slots=True)
class StepFailures:
    """What went wrong so far."""

    failures: int
    due: float


class FailureBackoff:
    """Counts failures by key; a key waits longer after each, the last of the delays again and again."""

    def __init__(
        self, delays: Sequence[float], most: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Wait `delays` seconds after the first failure, the second, …; `most` failures are too many."""
        self._delays = delays
        self._most = most
        self._clock = clock
        self._troubles: dict[Key, StepFailures] = {}

    def is_due(self, key: Key) -> bool:
        """Whether it may be tried now."""
        trouble = self._troubles.get(key)
        return trouble is None or trouble.due <= self._clock()

    def failed(self, key: Key) -> bool:
        """Count a failure; return whether that was one too many, which is forgotten then."""
        failures = self._troubles[key].failures + 1 if key in self._troubles else 1
        if failures >= self._most:
            self._troubles.pop(key, None)
            return True
        delay = self._delays[min(failures, len(self._delays)) - 1]
        self._troubles[key] = StepFailures(failures, self._clock() + delay)
        return False

    def succeeded(self, key: Key) -> None:
        """Begin anew."""
        self._troubles.pop(key, None)

    def forget_all_but(self, keys: Collection[Key], *, of: Collection[str]) -> None:
        """Of the keys that begin with these words forget all others: they are over."""
        for key in [one for one in self._troubles if one[0] in of and one not in keys]:
            del self._troubles[key]
