"""Streams for what is told beside the work: what cannot be written is lost, and nothing else is."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, TextIO, cast


class LossyStream:
    """A text stream whose closed pipe, full disk or missing file loses what is written, without a word."""

    def __init__(self, stream: TextIO | None) -> None:
        """Write to a stream; to none where the process was started without one."""
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or lose it; return how many characters were taken."""
        if self._stream is not None:
            with suppress(OSError, ValueError):  # ValueError: it was closed
                return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or lose what waited."""
        if self._stream is not None:
            with suppress(OSError, ValueError):
                self._stream.flush()

    def isatty(self) -> bool:
        """Whether somebody looks."""
        with suppress(OSError, ValueError):
            return self._stream is not None and self._stream.isatty()
        return False

    def __getattr__(self, name: str) -> Any:
        """Be the stream in all else."""
        return getattr(self._stream, name)


def lossy(stream: Any) -> TextIO:
    """Return a text stream that loses what it cannot write; None is one that loses everything."""
    return cast("TextIO", stream if isinstance(stream, LossyStream) else LossyStream(stream))
