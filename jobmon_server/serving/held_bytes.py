"""What a process keeps in memory for clients that are slow: bounded, whoever they are and however many."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass


@dataclass(slots=True)
class Holding:
    """Bytes that are kept for one connection, and what cuts it off."""

    size: int
    cut: Callable[[], None]


class HeldBytes:
    """Counts the bytes that wait for slow clients; when they are too many, the connection that has waited longest is cut off.

    Used by one thread, the event loop's.
    """

    def __init__(self, most: int) -> None:
        """Allow `most` bytes in all; the newest connection alone may hold more."""
        self._most = most
        self._held: dict[Hashable, Holding] = {}
        self.total = 0

    def hold(self, holder: Hashable, size: int, cut: Callable[[], None]) -> None:
        """Say how many bytes are kept for a holder now.

        Args:
            holder: For whom; its place in the line is that of its first call.
            size: Bytes in all, those of earlier calls included.
            cut: Called at most once, when the holder has to give way; it is forgotten then.
        """
        before = self._held.get(holder)
        self.total += size - (before.size if before else 0)
        self._held[holder] = Holding(size, cut)
        while self.total > self._most and len(self._held) > 1:
            longest, holding = next(iter(self._held.items()))
            self.release(longest)
            holding.cut()

    def release(self, holder: Hashable) -> None:
        """Forget a holder, known or not."""
        holding = self._held.pop(holder, None)
        if holding is not None:
            self.total -= holding.size
