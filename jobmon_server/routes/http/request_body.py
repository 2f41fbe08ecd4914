"""From the bytes of a request to the fields an action takes, or to one Malformed that names all that is wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from flask import request
from marshmallow import ValidationError

from jobmon_server.errors import Malformed, TooLarge
from jobmon_server.routes.http.fast_load import Load

MOST_DETAILS = 10_000


def json_body() -> dict[str, Any]:
    """Return the request's JSON object, {} for an empty body; raise Malformed for anything else."""
    text = request.get_data(cache=False)
    if request.content_length is None and len(text) == request.max_content_length:
        # Sent in chunks: it is cut at the limit, not refused.
        raise TooLarge
    try:
        body = json.loads(text or b"{}", object_pairs_hook=_once, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        problem = (
            "JSON is nested too deeply" if isinstance(error, RecursionError) else f"is not JSON: {error}"
        )
        raise Malformed.field("", problem) from None
    if type(body) is not dict:
        raise Malformed.field("", "must be a JSON object")
    return body


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its members, each name once."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name is given twice in one object")
    return members


def _finite(text: str) -> float:
    """Read a number that JSON has; Python would also read NaN, Infinity and 1e999."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is no finite number")
    return number


def load(take: Load, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body's fields as a `loader` takes them; raise one Malformed that names every bad field."""
    try:
        taken: dict[str, Any] = take(body)
    except ValidationError as error:
        raise Malformed(details=details_of(error.messages)) from None
    return taken


def details_of(messages: Any) -> list[dict[str, object]]:
    """Flatten marshmallow's messages to [{"field": "tasks.0.name", "problem"}], the first `MOST_DETAILS` of them."""
    found = sorted(
        _flatten(messages, ()), key=lambda pair: [(isinstance(part, str), part) for part in pair[0]]
    )
    details: list[dict[str, object]] = [
        {"field": ".".join(map(str, path)), "problem": problem} for path, problem in found[:MOST_DETAILS]
    ]
    if len(found) > MOST_DETAILS:
        details.append({"field": "", "problem": f"and {len(found) - MOST_DETAILS} more problems"})
    return details


def _flatten(messages: Any, path: tuple[Any, ...]) -> Iterable[tuple[tuple[Any, ...], str]]:
    """Walk nested messages; each leaf with the path to it."""
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            yield from _flatten(inner, path if key == "_schema" else (*path, key))
    elif isinstance(messages, list):
        yield path, "; ".join(map(str, messages))
    else:
        yield path, str(messages)
