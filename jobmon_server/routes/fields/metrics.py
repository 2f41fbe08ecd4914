"""Kinds of value that workers bring along with their reports: measurements, notes of an attempt, how far it is."""

from __future__ import annotations

import json
from typing import Any

from flask import current_app
from marshmallow import ValidationError

from jobmon_server.db.instances.metric_samples import Sample
from jobmon_server.db.schema.columns import NAME_LENGTH
from jobmon_server.routes.fields.base import (
    DEEPEST_JSON,
    Plain,
    Text,
    too_deep,
    without_lone_surrogates,
)

MOST_ATTRIBUTES = 1_000
LARGEST_ATTRIBUTES = 65_536  # bytes as JSON
#: Beyond it a number of JSON is none that a database has.
LARGEST_NUMBER = 1e300


class Metrics(Plain[Sample]):
    """Numbers by name. The names are a setting of the server, and each has its unit in it: `rss_bytes`."""

    def __init__(self, **options: Any) -> None:
        """Document what is checked."""
        super().__init__(metadata={"type": "object", "additionalProperties": {"type": "number"}}, **options)

    def check(self, value: Any) -> Sample:
        """Take an object of which every name is allowed and every value a number."""
        if type(value) is not dict:
            raise ValidationError("must be a JSON object of numbers")
        settings = current_app.extensions["jobmon"].settings
        problems = {
            name: [f"is not allowed; the allowed are: {', '.join(settings.metric_names)}"]
            for name in value.keys() - set(settings.metric_names)
        }
        problems |= {
            name: ["must be a finite number"]
            for name, number in value.items()
            if name not in problems and not _is_number(number)
        }
        if problems:
            raise ValidationError(problems)
        return Sample(value, settings.metric_samples)


def _is_number(value: Any) -> bool:
    return type(value) in {int, float} and -LARGEST_NUMBER <= value <= LARGEST_NUMBER


class AttemptAttributes(Plain[dict[str, Any]]):
    """What a command or its worker notes of this attempt: JSON values by name."""

    def __init__(self, **options: Any) -> None:
        """Document what is checked."""
        metadata = {"type": "object", "additionalProperties": True, "maxProperties": MOST_ATTRIBUTES}
        super().__init__(metadata=metadata, **options)

    def check(self, value: Any) -> dict[str, Any]:
        """Take an object that names at most 1,000 things, 64 KiB in all; none of them null."""
        if type(value) is not dict or len(value) > MOST_ATTRIBUTES:
            raise ValidationError(f"must be a JSON object of at most {MOST_ATTRIBUTES} names")
        if too_deep(value):
            raise ValidationError(f"may not be nested more than {DEEPEST_JSON} deep")
        if len(json.dumps(value)) > LARGEST_ATTRIBUTES:
            raise ValidationError(f"must have at most {LARGEST_ATTRIBUTES} bytes as JSON")
        for name, one in value.items():
            if one is None:
                raise ValidationError({name: ["may not be null"]})
            if not name:
                raise ValidationError("may have no empty name")
        return {_NAME.check(name): one for name, one in value.items()}


class Line(Text):
    """Free text that is kept in one short piece: what is over `maximum` characters is cut, and ends in `…`."""

    def check(self, value: Any) -> str:
        """Take any string."""
        if type(value) is not str:
            raise ValidationError("must be a string")
        text = without_lone_surrogates(value)
        return text if len(text) <= self.maximum else f"{text[: self.maximum - 1]}…"


class Label(Line):
    """Free text that others look for by name: a line, and U+0000 becomes U+FFFD as well."""

    def __init__(self, maximum: int, **options: Any) -> None:
        """Keep 1 to `maximum` characters."""
        super().__init__(maximum, metadata={"minLength": 1}, **options)

    def check(self, value: Any) -> str:
        """Take any string but the empty one."""
        text = super().check(value)
        if not text:
            raise ValidationError("may not be empty")
        return text.replace("\x00", "\ufffd")


_NAME = Label(NAME_LENGTH)
