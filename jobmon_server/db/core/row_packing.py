"""Many columns of a row fetched as one, a JSON array: PyMySQL takes longer over a column than Python over an array.

For columns whose values are short. A text of any length comes as it is: in JSON it may grow beyond what the database sends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import Boolean, ColumnElement, DateTime, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from jobmon_server.db.core.types import Json, StatusType

Record = TypeVar("Record", bound=NamedTuple)
Read = Callable[[Any], Any]


class Gathered(FunctionElement[Any]):
    """A value of all rows as one JSON array, in no order; null or empty where there are none.

    For rows of a bounded number with short values: MariaDB cuts what is longer than `db.engine` lets it be.
    """

    inherit_cache = True
    type = Json()


@compiles(Gathered)
def _gathered(element: Gathered, compiler: Any, **options: Any) -> str:
    name = "json_group_array" if compiler.dialect.name == "sqlite" else "json_arrayagg"
    return f"{name}({compiler.process(element.clauses, **options)})"


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

    def unpack_all(self, gathered: list[list[Any]] | None) -> list[Record]:
        """Make the records of all rows that were gathered."""
        return [self.unpack(values) for values in gathered or ()]


def _reader(column: ColumnElement[Any]) -> Read | None:
    """Return what makes a value of what JSON has for it; None where that is the value."""
    kind = column.type
    if isinstance(kind, StatusType):
        return kind.member
    if isinstance(kind, DateTime):
        return datetime.fromisoformat
    return bool if isinstance(kind, Boolean) else None
