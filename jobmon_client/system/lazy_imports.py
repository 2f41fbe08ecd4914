"""Keeps a process of ours small: it does without modules that others import at once and hardly ever use.

A matter of our own programs: whoever imports the library finds structlog, and all else, as they know it.
"""

from __future__ import annotations

import sys
import threading
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_SWAPPING = threading.Lock()


class _Later(ModuleType):
    """Stands for a module that is loaded when something is wanted of it; unlike `importlib`'s own, in any number of threads."""

    def __getattr__(self, name: str) -> Any:
        with _SWAPPING:
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def defer_imports(*names: str) -> None:
    """Have modules of the standard library loaded when they are first used, not when they are imported."""
    for name in names:
        if name not in sys.modules:
            later = _Later(name)
            later.__spec__ = find_spec(name)
            sys.modules[name] = later


def load_structlog() -> None:
    """Import structlog as where rich is not installed, who needs rich later imports it as ever; and without asyncio.

    It loads rich, and all that rich needs, though we never have it draw a traceback, and asyncio for its coroutines.
    """
    if "structlog" in sys.modules or "rich" in sys.modules:
        return
    defer_imports("asyncio")
    # What the import system documents for "not to be found": sys.modules has None for it.
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        import structlog  # noqa: F401
    finally:
        del sys.modules["rich"]
