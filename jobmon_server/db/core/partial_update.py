"""Different columns of many rows in one statement: what is not named keeps its value. The rows are locked already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Table, bindparam, case, update
from sqlalchemy.engine import Connection

from jobmon_server.db.core.types import canonical_json

#: What one statement carries at most, in bytes of its values.
LARGEST_STATEMENT = 4 * 1024 * 1024

Patches = Mapping[int, Mapping[str, Any]]


def patch_many(connection: Connection, table: Table, patches: Patches) -> None:
    """Write the columns that each row's patch names; one UPDATE, unless the values are very large."""
    for some in _pieces(patches):
        columns = sorted({name for patch in some.values() for name in patch})
        new = {name: _by_id(table, name, some) for name in columns}
        connection.execute(update(table).where(table.c.id.in_(some)).values(new))


def _by_id(table: Table, column: str, patches: Patches) -> Any:
    """Return one value where all rows get the same, else a CASE by id."""
    given = {row_id: patch[column] for row_id, patch in patches.items() if column in patch}
    typed = table.c[column].type
    first = next(iter(given.values()))
    if len(given) == len(patches) and all(is_same(value, first) for value in given.values()):
        return bindparam(None, first, typed)
    values = {row_id: bindparam(None, value, typed) for row_id, value in given.items()}
    return case(values, value=table.c.id, else_=table.c[column])


def is_same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same JSON; to Python 1, 1.0 and true are equal."""
    if isinstance(one, datetime) or isinstance(other, datetime):
        return bool(one == other)
    return one is other or canonical_json(one) == canonical_json(other)


def _pieces(patches: Patches) -> Iterator[Patches]:
    piece: dict[int, Mapping[str, Any]] = {}
    size = 0
    for row_id, patch in patches.items():
        if patch:
            its_size = sum(_size(value) for value in patch.values())
            if piece and size + its_size > LARGEST_STATEMENT:
                yield piece
                piece, size = {}, 0
            piece[row_id] = patch
            size += its_size
    if piece:
        yield piece


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    return len(canonical_json(value)) if isinstance(value, dict | list) else 0
