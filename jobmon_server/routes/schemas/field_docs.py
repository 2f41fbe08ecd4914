"""What the OpenAPI document says of fields that are asked for: their values, as a query string and as JSON spell them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from jobmon_server.db.search import Entity, Operator
from jobmon_server.db.search.field_types import LARGEST_NUMBER, LONGEST_TEXT, FieldType
from jobmon_server.db.search.simple_filters import asked_of

TIME = r"\d{4}(-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d))?)?)?"
_NUMBER = "-?[0-9]{1,19}"
_PAIR = "[0-9]{1,19}:([0-9]{1,10}|last)"


def value_schema(kind: FieldType) -> dict[str, Any]:
    """Return the schema of one value in JSON."""
    schemas: dict[str, dict[str, Any]] = {
        "number": {"type": "integer", "minimum": -LARGEST_NUMBER, "maximum": LARGEST_NUMBER},
        "text": {"type": "string", "maxLength": LONGEST_TEXT},
        "time": {"type": "string", "pattern": f"^{TIME}$"},
        "flag": {"type": "boolean"},
        "pair": {"type": "string", "pattern": f"^{_PAIR}$"},
        "status": {"type": "string", "enum": [str(word) for word in kind.words]},
        "attribute": {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]},
    }
    return schemas[kind.name]


def filter_schema(entity: Entity, name: str) -> dict[str, Any]:
    """Return the schema of a simple filter in JSON: one value or, where it takes many, a list of them."""
    kind, operators = asked_of(entity, name)
    one = value_schema(kind)
    if name == "attempt":
        one = {"anyOf": [one, {"type": "string", "enum": ["last"]}]}
    if Operator.IN not in operators:
        return one
    return {"anyOf": [one, {"type": "array", "items": one, "maxItems": kind.most_values}]}


def filter_text_schema(entity: Entity, name: str) -> dict[str, Any]:
    """Return the schema of a simple filter in a query string."""
    kind, operators = asked_of(entity, name)
    words = "|".join(map(str, kind.words))
    one = {"number": _NUMBER, "pair": _PAIR, "status": f"({words})", "time": TIME}.get(kind.name)
    if name == "attempt":
        one = f"({_NUMBER}|last)"
    if kind.name == "flag":
        return {"type": "string", "enum": ["true", "false"]}
    if one is None:
        return {"type": "string", "maxLength": LONGEST_TEXT}
    many = Operator.IN in operators and kind.name != "time"
    return {"type": "string", "pattern": f"^{one}(,{one})*$" if many else f"^{one}$"}


def names_schema(names: Iterable[str], *, is_text: bool, before: str = "") -> dict[str, Any]:
    """Return the schema of a list of names: text with commas, or in JSON an array as well; `before` may stand before each."""
    words = [f"{sign}{name}" for sign in ("", *before) for name in names]
    one = "|".join(map(re.escape, words))
    text = {"type": "string", "pattern": f"^({one})(,({one}))*$"}
    if is_text:
        return text
    return {"anyOf": [{"type": "array", "items": {"type": "string", "enum": words}, "minItems": 1}, text]}
