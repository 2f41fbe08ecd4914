"""What one key of a definition may hold, tested before any call is made."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LONGEST_PATH = 4_096
MOST_VARIABLES = 1_000
LONGEST_VALUE = 32_768
LONGEST_DELAY = 2_592_000


@dataclass(frozen=True, slots=True)
class Field:
    """What one key of a definition may hold: a test, and the words that say what passes it."""

    allowed: str
    accepts: Callable[[Any], bool]
    required: bool = False


def is_text(value: Any, longest: int, shortest: int = 1) -> bool:
    """Whether a value is a text of so many characters, without NUL and lone surrogates."""
    return (
        isinstance(value, str)
        and shortest <= len(value) <= longest
        and "\0" not in value
        and not any("\ud800" <= character <= "\udfff" for character in value)
    )


def is_count(value: Any, least: int, most: int = 2**31 - 1) -> bool:
    """Whether a value is a whole number in a range."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def is_json(value: Any) -> bool:
    """Whether a value can be sent as JSON and come back as it was (no dates, no NaN, keys are text)."""
    match value:
        case None | bool() | int() | str():
            return True
        case float():
            return math.isfinite(value)
        case list() | tuple():
            return all(map(is_json, value))
        case dict():
            return all(isinstance(key, str) for key in value) and all(map(is_json, value.values()))
    return False


def is_names(value: Any) -> bool:
    """Whether a value is a list of names."""
    return isinstance(value, list | tuple) and all(is_text(name, 255) for name in value)


def is_quantity(value: Any) -> bool:
    """Whether a value is a finite number from 0."""
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    )


def is_scale(value: Any) -> bool:
    """Whether a value is a factor, or a list of the values to ask for in turn."""
    if isinstance(value, list):
        return bool(value) and all(is_quantity(one) or is_text(one, 255, 0) for one in value)
    return is_quantity(value)


def is_scales(value: Any) -> bool:
    """Whether a value is an object of scales."""
    return isinstance(value, dict) and all(
        isinstance(key, str) and is_scale(scale) for key, scale in value.items()
    )


def is_environment(value: Any) -> bool:
    """Whether a value is an object of variables that a command may be given."""
    return (
        isinstance(value, dict)
        and len(value) <= MOST_VARIABLES
        and all(
            is_text(name, 255)
            and "=" not in name
            and not name.startswith("JOBMON_")
            and is_text(text, LONGEST_VALUE, 0)
            for name, text in value.items()
        )
    )


def is_retry_delay(value: Any) -> bool:
    """Whether a value is a number of seconds, or an object with them and what they grow and spread by."""
    given = value if isinstance(value, dict) else {"seconds": value}
    bounds = {"seconds": (0, LONGEST_DELAY), "factor": (1, 100), "jitter": (0, 1)}
    return "seconds" in given and all(
        name in bounds and is_quantity(part) and bounds[name][0] <= part <= bounds[name][1]
        for name, part in given.items()
    )


PATH = Field("a path of at most 4,096 characters", lambda value: is_text(value, LONGEST_PATH))
ENVIRONMENT = Field(
    "an object of texts by name; a name is not empty, has no = and does not begin with JOBMON_",
    is_environment,
)
RETRY_DELAY = Field(
    "a number of seconds from 0 to 2,592,000, or an object with seconds, factor (1 to 100) and jitter (0 to 1)",
    is_retry_delay,
)
