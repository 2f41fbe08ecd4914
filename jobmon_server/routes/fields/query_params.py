"""Values of a query string, which are all text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Generic, TypeVar

from marshmallow import ValidationError

from jobmon_server.routes.fields.base import LARGEST_ID, Plain, Real, Whole

_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
Word_ = TypeVar("Word_", bound=StrEnum)


class Digits(Whole):
    """A whole number, written in digits."""

    def __init__(self, minimum: int = 0, maximum: int = LARGEST_ID, **options: Any) -> None:
        """Document the range as it is checked."""
        super().__init__(minimum, maximum, **options)

    def check(self, value: Any) -> int:
        """Read the digits."""
        text = str(value)
        if not (text.isascii() and text.isdigit() and len(text) <= 19):
            raise ValidationError(f"must be a whole number from {self.minimum} to {self.maximum}")
        return super().check(int(text))


class Decimal(Real):
    """A number without a sign, written in digits, with a point if it has a fraction."""

    def check(self, value: Any) -> float:
        """Read the digits."""
        text = str(value)
        if not _DECIMAL.fullmatch(text):
            raise ValidationError(f"must be a number from {self.minimum} to {self.maximum}")
        return super().check(float(text))


class Words(Plain[list[Word_]], Generic[Word_]):
    """One or more words of a vocabulary, separated by commas; an empty list selects nothing."""

    def __init__(
        self, vocabulary: type[Word_], allowed: Iterable[Word_] | None = None, **options: Any
    ) -> None:
        """Take an enumeration, or some members of it."""
        self.words: dict[str, Word_] = {str(word): word for word in (allowed or vocabulary)}
        documented = {"type": "string", "description": f"of: {', '.join(self.words)}"}
        if "load_default" in options:
            documented["default"] = ",".join(options["load_default"])
        super().__init__(metadata=documented, **options)

    def check(self, value: Any) -> list[Word_]:
        """Take each word exactly as it is written."""
        asked = [word for word in str(value).split(",") if word]
        unknown = [word for word in asked if word not in self.words]
        if unknown:
            raise ValidationError(f"{', '.join(unknown)}: must be of: {', '.join(self.words)}")
        return [self.words[word] for word in asked]


class Attempt(Digits):
    """An attempt: its number, or `last`, which is null."""

    def __init__(self, **options: Any) -> None:
        """Document it."""
        super().__init__(1, 2**31 - 1, **options)
        self.metadata = {"type": "string", "description": "a number from 1, or last"}

    def check(self, value: Any) -> Any:
        """Read it."""
        return None if value == "last" else super().check(value)
