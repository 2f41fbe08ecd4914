"""Rows as plain objects, and lists cut to the size of a transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Select
from sqlalchemy.engine import Connection

Item = TypeVar("Item")
#: A row as it is told: its columns by name.
RowDict = dict[str, Any]
#: How many instances one transaction takes.
BATCH = 1000


def fetch_rows(connection: Connection, statement: Select[Any]) -> list[RowDict]:
    """Return all rows of a statement as plain objects."""
    return [dict(row) for row in connection.execute(statement).mappings()]


def chunks(ids: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Cut a list into pieces of one transaction's size."""
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]
