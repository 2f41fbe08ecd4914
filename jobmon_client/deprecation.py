"""Names that have moved: their old places go on working, with a warning that names the new one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any


def moved(old: str, new: str, *names: str, **renamed: str) -> Callable[[str], Any]:
    """Make the `__getattr__` of a module whose names are elsewhere now.

    Args:
        old: The module that is asked.
        new: The module that has the names; it is imported when one of them is asked for.
        names: The names that may be asked for.
        renamed: Names that may be asked for, each with its name in `new`.

    Returns:
        A function that gives what has the name in `new`, and warns with DeprecationWarning.
    """
    now = {**{name: name for name in names}, **renamed}

    def get(name: str) -> Any:
        if name not in now:
            raise AttributeError(f"module {old!r} has no attribute {name!r}")
        warnings.warn(
            f"{old}.{name} has moved: import {now[name]} from {new}",
            DeprecationWarning,
            stacklevel=2,
        )
        return getattr(import_module(new), now[name])

    return get
