"""How long a task waits after a failed attempt before it may be queued again. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

#: Seconds that no delay exceeds, whatever its factor makes of it.
LONGEST_DELAY = 2_592_000.0


@dataclass(frozen=True, slots=True)
class RetryDelay:
    """`seconds` after the first failure, times `factor` after each further one, and up to `jitter` of it more."""

    seconds: float
    factor: float = 1.0
    jitter: float = 0.0


def delay_after(failures: int, delay: RetryDelay, task_id: int) -> float:
    """Return the seconds from a failure until the task may be queued again.

    Args:
        failures: How many attempts are used up, this one included; from 1.
        delay: What the task was bound with.
        task_id: Spreads the jitter: the same task and failure give the same delay, so that a transaction that is run
            again decides the same.

    Returns:
        Seconds, at most `LONGEST_DELAY`.
    """
    try:
        planned = delay.seconds * delay.factor ** max(0, failures - 1)
    except OverflowError:
        return LONGEST_DELAY
    return min(planned * (1 + delay.jitter * _fraction(task_id, failures)), LONGEST_DELAY)


def _fraction(task_id: int, failures: int) -> float:
    """Return a number from 0 to below 1 that looks random from one pair to the next."""
    digest = hashlib.blake2b(f"{task_id}:{failures}".encode(), digest_size=6).digest()
    return int.from_bytes(digest) / 2**48
