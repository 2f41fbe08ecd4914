"""Kinds of value that are objects of quantities by name: maxima of queues, scales of resources."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError

from jobmon_server.routes.fields.base import Plain

MOST_NAMES = 1_000
LONGEST_WORD = 255
LARGEST_QUANTITY = 2**53  # beyond it a number is not exact to every reader of JSON


class Numbers(Plain[dict[str, float]]):
    """A JSON object of finite numbers from 0."""

    def __init__(self, **options: Any) -> None:
        """Document what is checked."""
        number = {"type": "number", "minimum": 0}
        super().__init__(metadata={"type": "object", "additionalProperties": number}, **options)

    def check(self, value: Any) -> dict[str, float]:
        """Take an object that names at most 1,000 things."""
        if type(value) is not dict or len(value) > MOST_NAMES:
            raise ValidationError(f"must be a JSON object of at most {MOST_NAMES} numbers")
        for name, number in value.items():
            if not is_quantity(number):
                raise ValidationError({name: ["must be a finite number from 0"]})
        return value


class Scales(Plain[dict[str, Any]]):
    """How resources grow: by name a factor to add (0.5 makes 1.5 times), or a list of the values to ask for in turn."""

    def __init__(self, **options: Any) -> None:
        """Document what is checked."""
        number = {"type": "number", "minimum": 0}
        values = {"type": "array", "minItems": 1, "items": {"anyOf": [number, {"type": "string"}]}}
        either = {"anyOf": [number, values]}
        super().__init__(metadata={"type": "object", "additionalProperties": either}, **options)

    def check(self, value: Any) -> dict[str, Any]:
        """Take factors and lists."""
        if type(value) is not dict or len(value) > MOST_NAMES:
            raise ValidationError(f"must be a JSON object of at most {MOST_NAMES} scales")
        for name, scale in value.items():
            if not (is_quantity(scale) or _is_ladder(scale)):
                problem = f"must be a number from 0, or a list of 1 to {MOST_NAMES} numbers or strings"
                raise ValidationError({name: [problem]})
        return value


def is_quantity(value: Any) -> bool:
    """Tell whether a value is a finite number from 0."""
    return type(value) in {int, float} and 0 <= value <= LARGEST_QUANTITY


def _is_ladder(value: Any) -> bool:
    if type(value) is not list or not 0 < len(value) <= MOST_NAMES:
        return False
    return all(is_quantity(one) or (type(one) is str and len(one) <= LONGEST_WORD) for one in value)
