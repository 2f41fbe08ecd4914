"""Keeps a process of ours small: structlog loads rich, and all that rich needs, though we never have it draw a traceback.

A matter of our own programs: whoever imports the library finds structlog as they know it.
"""

from __future__ import annotations

import sys


def load_structlog() -> None:
    """Import structlog as where rich is not installed; who needs rich later imports it as ever."""
    if "structlog" in sys.modules or "rich" in sys.modules:
        return
    # What the import system documents for "not to be found": sys.modules has None for it.
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        import structlog  # noqa: F401
    finally:
        del sys.modules["rich"]
