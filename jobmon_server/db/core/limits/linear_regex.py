"""SQLite's REGEXP: RE2, whose work grows with the text and with the pattern, and with nothing else."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

#: Patterns that are kept compiled, and the bytes that one may take.
KEPT = 100
MOST_BYTES = 8 * 2**20


@lru_cache(KEPT)
def _compiled(pattern: str) -> Any:
    """Compile a pattern; the library is loaded when the first is, as few servers are ever asked one."""
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = MOST_BYTES
    return re2.compile(pattern, options)


def matches(pattern: str, text: str | None) -> bool | None:
    """Tell whether the pattern is found in the text; null in null."""
    return None if text is None else _compiled(pattern).search(text) is not None
