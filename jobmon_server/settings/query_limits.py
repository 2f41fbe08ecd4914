"""What one query may cost; known to the settings and to the database's connections."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """Limits of a process: how long queries run, in seconds, and how many search at once.

    `query_seconds` is for any read, `pattern_seconds` for one that compares texts with patterns.
    """

    query_seconds: float = 10.0
    pattern_seconds: float = 2.0
    searches: int = 4
