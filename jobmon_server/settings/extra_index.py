"""Indexes that a site declares for queries of its own: what `extra_indexes` of the settings holds."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

#: MariaDB's longest name.
LONGEST_NAME = 64
_WORD = re.compile("[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class ExtraIndex:
    """An index beside those that the models have; its name says so."""

    table: str
    columns: tuple[str, ...]
    unique: bool = False

    @property
    def name(self) -> str:
        """`extra_` and what it is over; where that is too long, its end as a digest."""
        name = f"extra_{self.table}_{'_'.join(self.columns)}"
        if len(name) <= LONGEST_NAME:
            return name
        digest = hashlib.blake2b(name.encode(), digest_size=6).hexdigest()
        return f"{name[: LONGEST_NAME - len(digest) - 1]}_{digest}"


def extra_indexes(value: Any) -> tuple[ExtraIndex, ...]:
    """a list of {table = "…", columns = ["…"], unique = false}, as JSON in a text"""  # noqa: D403 - put into a sentence
    given = json.loads(value) if isinstance(value, str) else value
    if not isinstance(given, list | tuple):
        raise ValueError  # noqa: TRY004 - one kind of error for every wrong value
    return tuple(one if isinstance(one, ExtraIndex) else _extra_index(**one) for one in given)


def _extra_index(table: Any, columns: Any, *, unique: Any = False) -> ExtraIndex:
    words = [table, *columns]
    if not columns or not isinstance(columns, list) or not isinstance(unique, bool):
        raise ValueError
    if not all(isinstance(word, str) and _WORD.fullmatch(word) for word in words):
        raise ValueError
    return ExtraIndex(table, tuple(columns), unique)
