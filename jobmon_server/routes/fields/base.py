"""The kinds of value that bodies are made of: each is taken exactly, cleaned in one stated way, or refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

from marshmallow import Schema as MarshmallowSchema
from marshmallow import ValidationError, fields

LARGEST_ID = 2**63 - 1
LONGEST_INCREMENT = 2_592_000  # seconds: thirty days
LARGEST_TEXT = 1_048_576  # bytes of UTF-8
LARGEST_RESULT = 65_536  # bytes as JSON
DEEPEST_JSON = 30  # MariaDB reads no deeper than 32

Taken = TypeVar("Taken")
Word_ = TypeVar("Word_", bound=StrEnum)


class Schema(MarshmallowSchema):
    """A body: unknown fields are refused, naming those that are known."""

    def __init__(self, **options: Any) -> None:
        """Make the messages once for each schema, not for each request."""
        super().__init__(**options)
        known = (
            ", ".join(sorted(field.data_key or name for name, field in self.load_fields.items())) or "none"
        )
        self.error_messages["unknown"] = f"is not a field of this; the fields are: {known}"
        self.error_messages["type"] = "must be a JSON object"


def made(title: str, base: type[Schema], /, **fields_of: fields.Field[Any]) -> type[Schema]:
    """Make a schema of fields that are read off something else."""
    schema: type[Schema] = type(title, (base,), fields_of)
    return schema


class Plain(fields.Field[Taken], Generic[Taken]):
    """A field whose whole rule is `check`, so that `quick.py` may call it without marshmallow around it."""

    default_error_messages = {"required": "is required", "null": "may not be null"}
    #: Whether a query string may give it more than once; `check` then gets a list of texts.
    may_repeat: ClassVar[bool] = False

    def check(self, value: Any) -> Taken:
        """Return what is taken, or raise ValidationError."""
        raise NotImplementedError

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> Taken:
        return self.check(value)


class Whole(Plain[int]):
    """An integer from `minimum` to `maximum`; no boolean, no 1.0, no "1"."""

    def __init__(self, minimum: int = -LARGEST_ID, maximum: int = LARGEST_ID, **options: Any) -> None:
        """Document the range as it is checked."""
        super().__init__(metadata={"minimum": minimum, "maximum": maximum}, **options)
        self.minimum, self.maximum = minimum, maximum

    def check(self, value: Any) -> int:
        """Take an integer in the range."""
        if type(value) is int and self.minimum <= value <= self.maximum:
            return value
        raise ValidationError(f"must be an integer from {self.minimum} to {self.maximum}")


class Id(Whole):
    """The integer that names a row."""

    def __init__(self, **options: Any) -> None:
        """Take 1 to 2^63 - 1."""
        super().__init__(1, LARGEST_ID, **options)


class Count(Whole):
    """How many."""

    def __init__(self, minimum: int = 0, maximum: int = 2**31 - 1, **options: Any) -> None:
        """Take 0 to 2^31 - 1 unless told otherwise."""
        super().__init__(minimum, maximum, **options)


class Real(Plain[float]):
    """A finite number from `minimum` to `maximum`."""

    def __init__(self, minimum: float, maximum: float, **options: Any) -> None:
        """Document the range as it is checked."""
        super().__init__(metadata={"minimum": minimum, "maximum": maximum}, **options)
        self.minimum, self.maximum = minimum, maximum

    def check(self, value: Any) -> float:
        """Take an integer or a float in the range."""
        if type(value) in {int, float} and self.minimum <= value <= self.maximum:
            return float(value)
        raise ValidationError(f"must be a number from {self.minimum} to {self.maximum}")


class Increment(Plain[float]):
    """Seconds until the next report is due: more than 0, at most thirty days, fractions allowed."""

    def __init__(self, **options: Any) -> None:
        """Document the range as it is checked."""
        bounds = {"minimum": 0, "exclusiveMinimum": True, "maximum": LONGEST_INCREMENT}
        super().__init__(metadata=bounds, **options)

    def check(self, value: Any) -> float:
        """Take seconds."""
        if type(value) in {int, float} and 0 < value <= LONGEST_INCREMENT:
            return float(value)
        raise ValidationError(f"must be a number of seconds, more than 0 and at most {LONGEST_INCREMENT}")


class Flag(Plain[bool]):
    """true or false."""

    def check(self, value: Any) -> bool:
        """Take a boolean and nothing that merely looks like one."""
        if type(value) is bool:
            return value
        raise ValidationError("must be true or false")


class Text(Plain[str]):
    """Free text: always taken; lone surrogates become U+FFFD, what is over `maximum` bytes is cut with a mark."""

    def __init__(self, maximum: int = LARGEST_TEXT, **options: Any) -> None:
        """Keep at most `maximum` bytes of UTF-8, mark included."""
        super().__init__(**options)
        self.maximum = maximum

    def check(self, value: Any) -> str:
        """Take any string."""
        if type(value) is not str:
            raise ValidationError("must be a string")
        if value.isascii() and len(value) <= self.maximum:
            return value
        return cut(without_lone_surrogates(value), self.maximum)


def without_lone_surrogates(text: str) -> str:
    """Return text that UTF-8 can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def cut(text: str, maximum: int) -> str:
    """Return text of at most `maximum` bytes; what was cut ends in a mark with the size it had, in bytes."""
    encoded = text.encode()
    if len(encoded) <= maximum:
        return text
    mark = f"… [cut, {len(encoded)} bytes]"
    return encoded[: max(0, maximum - len(mark.encode()))].decode(errors="ignore") + mark


class ExactField(Plain[str]):
    """A string that is kept to the last character, or refused."""

    def __init__(self, minimum: int, maximum: int, **options: Any) -> None:
        """Take `minimum` to `maximum` characters."""
        super().__init__(metadata={"minLength": minimum, "maxLength": maximum}, **options)
        self.minimum, self.maximum = minimum, maximum

    def check(self, value: Any) -> str:
        """Take a string that every part of the system can carry unchanged."""
        if type(value) is not str:
            raise ValidationError("must be a string")
        if not self.minimum <= len(value) <= self.maximum:
            raise ValidationError(f"must have {self.minimum} to {self.maximum} characters")
        if "\x00" in value:
            raise ValidationError("may not contain the character U+0000")
        if not value.isascii() and without_lone_surrogates(value) is not value:
            raise ValidationError("may not contain a lone surrogate")
        return value


class Name(ExactField):
    """What something is called or known by: 1 to 255 characters, compared exactly."""

    def __init__(self, minimum: int = 1, maximum: int = 255, **options: Any) -> None:
        """Take `minimum` 0 where the empty name is a name (arrays, queues)."""
        super().__init__(minimum, maximum, **options)


class CommandText(ExactField):
    """What `/bin/sh -c` is to run: at most 1 MiB."""

    def __init__(self, **options: Any) -> None:
        """Take any command that an operating system can be given."""
        super().__init__(1, LARGEST_TEXT, **options)

    def check(self, value: Any) -> str:
        """Measure in bytes, as the operating system does."""
        command = super().check(value)
        if not command.isascii() and len(command.encode()) > LARGEST_TEXT:
            raise ValidationError(f"must have at most {LARGEST_TEXT} bytes of UTF-8")
        return command


class WordField(Plain[Word_], Generic[Word_]):
    """One word of a vocabulary."""

    def __init__(self, vocabulary: Iterable[Word_], **options: Any) -> None:
        """Take the members of an enumeration, or some of them."""
        self.words: dict[Any, Word_] = {str(word): word for word in vocabulary}
        words = [*self.words, None] if options.get("allow_none") else list(self.words)
        super().__init__(metadata={"type": "string", "enum": words}, **options)

    def check(self, value: Any) -> Word_:
        """Take a word exactly as it is written."""
        if type(value) is str and value in self.words:
            return self.words[value]
        raise ValidationError(f"must be one of: {', '.join(self.words)}")


class Attributes(Plain[dict[str, Any]]):
    """Any JSON object, at most 1 MiB and 30 levels deep."""

    def check(self, value: Any) -> dict[str, Any]:
        """Take an object that both databases can hold as JSON."""
        if type(value) is not dict:
            raise ValidationError("must be a JSON object")
        if value and too_deep(value):
            raise ValidationError(f"may not be nested more than {DEEPEST_JSON} deep")
        if value and len(json.dumps(value)) > LARGEST_TEXT:
            raise ValidationError(f"must have at most {LARGEST_TEXT} bytes as JSON")
        return value


class Result(Plain[Any]):
    """Any JSON value, at most 64 KiB and 30 levels deep."""

    def check(self, value: Any) -> Any:
        """Take a value that both databases can hold as JSON."""
        if type(value) in {dict, list} and too_deep(value):
            raise ValidationError(f"may not be nested more than {DEEPEST_JSON} deep")
        if len(json.dumps(value)) > LARGEST_RESULT:
            raise ValidationError(f"must have at most {LARGEST_RESULT} bytes as JSON")
        return value


def too_deep(value: dict[str, Any] | list[Any]) -> bool:
    """Tell whether JSON is nested deeper than `DEEPEST_JSON`, without recursion."""
    level: list[Any] = [value]
    for _ in range(DEEPEST_JSON):
        inner = (item.values() if type(item) is dict else item for item in level)
        level = [item for items in inner for item in items if type(item) in {dict, list}]
        if not level:
            return False
    return True


class ListOf(fields.List[Any]):
    """A list of plain values, with `minimum` to `maximum` of them; a bad one is named by its index, from 0."""

    default_error_messages = {
        "required": "is required",
        "null": "may not be null",
        "invalid": "must be a list",
    }

    def __init__(self, inner: Plain[Any], minimum: int = 0, maximum: int = 1_000_000, **options: Any) -> None:
        """Document the length as it is checked."""
        super().__init__(inner, metadata={"minItems": minimum, "maxItems": maximum}, **options)
        self.minimum, self.maximum = minimum, maximum

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> list[Any]:
        if isinstance(value, list) and not self.minimum <= len(value) <= self.maximum:
            raise ValidationError(f"must have {self.minimum} to {self.maximum} items")
        return super()._deserialize(value, attr, data, **options)
