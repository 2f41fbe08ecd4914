"""Old place of `jobmon_server.serving.inprocess`."""

import warnings
from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    if name != "Server":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    new = "jobmon_server.serving.inprocess"
    warnings.warn(f"{__name__}.{name} has moved: import {name} from {new}", DeprecationWarning, stacklevel=2)
    return getattr(import_module(new), name)
