"""Kinds of value that say how commands run: where, with what environment, how long after a failure."""

from __future__ import annotations

import json
from typing import Any

from marshmallow import ValidationError

from jobmon_server.fsm.retry_delay import LONGEST_DELAY
from jobmon_server.routes.fields.base import ExactField, Name, Plain

LONGEST_PATH = 4_096  # bytes
MOST_VARIABLES = 1_000
LONGEST_VALUE = 32_768  # characters
LARGEST_ENVIRONMENT = 65_536  # bytes as JSON
LARGEST_FACTOR = 100
#: Names that only jobmon itself sets for a command.
OURS = "JOBMON_"


class WorkingDirectory(ExactField):
    """Where commands run: an absolute path on the machine that runs them."""

    def __init__(self, **options: Any) -> None:
        """Take what Linux takes as a path."""
        super().__init__(1, LONGEST_PATH, **options)

    def check(self, value: Any) -> str:
        """Take an absolute path."""
        path = super().check(value)
        if not path.startswith("/"):
            raise ValidationError("must be an absolute path: begin with /")
        if len(path.encode()) > LONGEST_PATH:
            raise ValidationError(f"must have at most {LONGEST_PATH} bytes of UTF-8")
        return path


class Environment(Plain[dict[str, str]]):
    """Variables that commands get beside those of their worker: names to text. No place for secrets: everybody reads it."""

    def __init__(self, **options: Any) -> None:
        """Document what is checked."""
        metadata = {
            "type": "object",
            "additionalProperties": {"type": "string", "maxLength": LONGEST_VALUE},
            "maxProperties": MOST_VARIABLES,
        }
        super().__init__(metadata=metadata, **options)

    def check(self, value: Any) -> dict[str, str]:
        """Take what every system can put into an environment."""
        if type(value) is not dict or len(value) > MOST_VARIABLES:
            raise ValidationError(f"must be a JSON object of at most {MOST_VARIABLES} names")
        for name, text in value.items():
            if problem := _problem(name, text):
                raise ValidationError({name: [problem]})
        if len(json.dumps(value)) > LARGEST_ENVIRONMENT:
            raise ValidationError(f"must have at most {LARGEST_ENVIRONMENT} bytes as JSON")
        return value


_NAME, _VALUE = Name(), ExactField(0, LONGEST_VALUE)


def _problem(name: str, text: Any) -> str | None:
    try:
        _NAME.check(name)
    except ValidationError as error:
        return f"the name {error.messages[0]}"
    if "=" in name:
        return "the name may not contain ="
    if name.startswith(OURS):
        return f"the name may not begin with {OURS}: those variables are set by jobmon"
    try:
        _VALUE.check(text)
    except ValidationError as error:
        return str(error.messages[0])
    return None


class RetryDelayField(Plain[dict[str, float]]):
    """How long a task waits after a failed attempt: seconds, or `{seconds, factor, jitter}`; 0 for not at all."""

    def __init__(self, **options: Any) -> None:
        """Document what is checked."""
        parts = {name: _number(least, most) for name, (least, most, _) in _PARTS.items()}
        whole = {"type": "object", "properties": parts, "required": ["seconds"]}
        either = [parts["seconds"], {**whole, "additionalProperties": False}]
        super().__init__(metadata={"anyOf": either}, **options)

    def check(self, value: Any) -> dict[str, float]:
        """Take a number, or an object with the seconds and, if it says so, how they grow and spread."""
        given = value if type(value) is dict else {"seconds": value}
        if unknown := sorted(given.keys() - _PARTS.keys()):
            raise ValidationError({unknown[0]: [f"is unknown; allowed: {', '.join(_PARTS)}"]})
        if "seconds" not in given:
            raise ValidationError({"seconds": ["is required"]})
        found: dict[str, float] = {}
        for name, (least, most, otherwise) in _PARTS.items():
            part = given.get(name, otherwise)
            if type(part) not in {int, float} or not least <= part <= most:
                problem = f"must be a number from {least:g} to {most:g}"
                raise ValidationError({name: [problem]} if type(value) is dict else problem)
            found[name] = float(part)
        return found


#: Each part by its name: the least, the most, and what holds where it is left out.
_PARTS: dict[str, tuple[float, float, float]] = {
    "seconds": (0.0, LONGEST_DELAY, 0.0),
    "factor": (1.0, LARGEST_FACTOR, 1.0),
    "jitter": (0.0, 1.0, 0.0),
}


def _number(least: float, most: float) -> dict[str, Any]:
    return {"type": "number", "minimum": least, "maximum": most}
