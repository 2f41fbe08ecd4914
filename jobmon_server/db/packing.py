"""Many columns of a row fetched as one, a JSON array: PyMySQL takes longer over a column than Python over an array.

For columns whose values are short. A text of any length comes as it is: in JSON it may grow beyond what the database sends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import Boolean, ColumnElement, DateTime, func

from jobmon_server.db.types import Json, StatusType

Record = TypeVar("Record", bound=NamedTuple)
Read = Callable[[Any], Any]


class Packing(Generic[Record]):
    """Columns packed, and the record of the same fields that they are unpacked to."""

    def __init__(self, record: type[Record], columns: Sequence[ColumnElement[Any]]) -> None:
        """Pack these columns, in the order of the record's fields."""
        if len(columns) != len(record._fields):
            raise ValueError(f"{len(columns)} columns are no {record.__name__}")
        self.column = func.json_array(*columns, type_=Json())
        self._record = record
        reads = [(place, _reader(column)) for place, column in enumerate(columns)]
        self._reads = [(place, read) for place, read in reads if read is not None]

    def unpack(self, values: list[Any]) -> Record:
        """Make the record, each value of the type of its column."""
        for place, read in self._reads:
            value = values[place]
            if value is not None:
                values[place] = read(value)
        return self._record._make(values)


def _reader(column: ColumnElement[Any]) -> Read | None:
    """Return what makes a value of what JSON has for it; None where that is the value."""
    kind = column.type
    if isinstance(kind, StatusType):
        return kind.member
    if isinstance(kind, DateTime):
        return datetime.fromisoformat
    return bool if isinstance(kind, Boolean) else None
