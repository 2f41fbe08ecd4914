"""What a caller hands over becomes JSON here, or is refused before any call is made, naming the place."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from jobmon_client.errors import NotJson


def encoded(payload: Mapping[str, Any]) -> bytes:
    """Return the bytes of a JSON object. Raise NotJson."""
    try:
        return json.dumps(payload, separators=(",", ":"), allow_nan=False, default=_as_object).encode()
    except (TypeError, ValueError, RecursionError):
        # Slowly again, to say where.
        return json.dumps(plain(payload), separators=(",", ":")).encode()


def plain(value: Any, place: str = "") -> Any:
    """Return a value as JSON gives it back; raise NotJson for what JSON has not, with the dotted path to it.

    Dataclasses, and what has `model_dump()` or `_asdict()`, become objects; tuples become lists.
    """
    try:
        return _plain(value, place)
    except RecursionError:
        raise NotJson(place, "is nested too deeply, or holds itself") from None


def _plain(value: Any, place: str) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotJson(place, f"is {value}, which JSON does not have")
        return value
    if isinstance(value, Mapping):
        return {_key(key, place): _plain(inner, _below(place, key)) for key, inner in value.items()}
    found = _fields_of(value)
    if found is not None:
        return _plain(found, place)
    if isinstance(value, list | tuple):
        return [_plain(inner, _below(place, index)) for index, inner in enumerate(value)]
    raise NotJson(place, f"is of type {type(value).__name__}, which JSON does not have")


def _as_object(value: Any) -> Any:
    """Return what the encoder goes on with, of what it does not know."""
    found = dict(value) if isinstance(value, Mapping) else _fields_of(value)
    if found is None:
        raise TypeError(type(value))
    return found


def _fields_of(value: Any) -> Any:
    """Return the fields of what describes itself; None for anything else."""
    if isinstance(value, type):
        return None
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    describe: Callable[[], Any] | None = getattr(value, "model_dump", None) or getattr(value, "_asdict", None)
    return describe() if callable(describe) else None


def _key(key: Any, place: str) -> str:
    if not isinstance(key, str):
        raise NotJson(place, f"has the key {key!r}; the keys of a JSON object are text")
    return key


def _below(place: str, part: object) -> str:
    return f"{place}.{part}" if place else str(part)
