"""A text of its own for each of many rows, written by one statement.

The texts are spelled as a whole, as hexadecimal digits: as parameters, one by one, they would cost the driver more than
the rows cost the database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.types import UserDefinedType


class _OwnTexts(UserDefinedType[Mapping[int, str]]):
    """Texts by the id of their row, spelled as a search that halves the ids: none is compared with all others."""

    cache_ok = True

    def literal_processor(self, dialect: Dialect) -> Callable[[Mapping[int, str]], str]:
        """Spell ids as whole numbers, and of the texts only their digits; at least one text."""
        spell = _spell_for_sqlite if dialect.name == "sqlite" else _spell

        def process(texts: Mapping[int, str]) -> str:
            ids = sorted(texts)
            return _search([*map(int.__repr__, ids)], [spell(texts[one].encode().hex()) for one in ids])

        return process


def case_by_id(name: str) -> BindParameter[Any]:
    """Make the parameter of the texts by id, in an update of a table whose rows have an `id`."""
    return bindparam(name, type_=_OwnTexts(), literal_execute=True)


def _spell(digits: str) -> str:
    return f"_utf8mb4 X'{digits}'"


def _spell_for_sqlite(digits: str) -> str:
    return f"CAST(X'{digits}' AS TEXT)"


def _search(ids: Sequence[str], spelled: Sequence[str]) -> str:
    if len(ids) == 1:
        return spelled[0]
    half = len(ids) // 2
    before, after = _search(ids[:half], spelled[:half]), _search(ids[half:], spelled[half:])
    return f"CASE WHEN id < {ids[half]} THEN {before} ELSE {after} END"
