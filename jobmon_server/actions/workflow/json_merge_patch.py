"""How a JSON object is changed by another one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def patched(
    was: Mapping[str, Any] | None, patch: Mapping[str, Any] | None, *, replace: bool
) -> dict[str, Any] | None:
    """Return an object after a patch, as RFC 7396 merges it: objects member by member, null removes, all else replaces.

    With `replace` nothing of what was stays; a patch of None leaves no object at all.
    """
    return None if patch is None else _merged({} if replace else was or {}, patch)


def _merged(was: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(was)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            inner = merged.get(name)
            merged[name] = _merged(inner if isinstance(inner, dict) else {}, value)
        else:
            merged[name] = value
    return merged
