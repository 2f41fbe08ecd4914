"""Statements of the hot path: compiled once for a dialect, and said straight to its driver from then on.

What SQLAlchemy does around each execution, however well the statement is cached, costs as much as the driver itself; of the few
statements that each report takes it was a third of all work (docs/adr/0007-hot-statements.md). They are still written in
Core, run inside SQLAlchemy's transactions, on its connections, are heard by its listeners, and fail with its errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Insert, Select, Update
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

#: Where SQLAlchemy leaves room for what is spelled into the text.
_MARK = "__[POSTCOMPILE_{}]"

Facts = Mapping[str, Any]
Process = Callable[[Any], Any]


class PreparedStatement:
    """A statement that is run often; made once, at import or by a cache of shapes.

    Its parameters are named by `bindparam`, and each is given each time, or has a value from the beginning. One of them may be
    spelled into the text (`literal_execute`).
    """

    def __init__(
        self, statement: Select[Any] | Insert | Update, columns: Sequence[str] | None = None
    ) -> None:
        """Keep a statement of Core; `columns` are those that an insert without values of its own is given."""
        self.statement = statement
        self._columns = columns
        self._spellings: WeakKeyDictionary[Dialect, _Spelling] = WeakKeyDictionary()

    def rows(self, connection: Connection, facts: Facts) -> list[tuple[Any, ...]]:
        """Run a query; all its rows, each value of the type of its column. Raises DBAPIError."""
        spelling = self._spelling(connection)
        cursor = spelling.run(connection, facts)
        found = cursor.fetchall()
        cursor.close()
        return spelling.typed(found)

    def change(self, connection: Connection, facts: Facts) -> int:
        """Run a write; how many rows it matched. Raises DBAPIError."""
        cursor = self._spelling(connection).run(connection, facts)
        number: int = cursor.rowcount
        cursor.close()
        return number

    def each(self, connection: Connection, many: Sequence[Facts]) -> None:
        """Run a write for each of many. Raises DBAPIError."""
        if len(many) == 1:
            # What the driver does to make one statement of many costs half as much again.
            self.change(connection, many[0])
        elif many:
            self._spelling(connection).run_each(connection, many).close()

    def _spelling(self, connection: Connection) -> _Spelling:
        dialect = connection.dialect
        found = self._spellings.get(dialect)
        if found is None:
            found = self._spellings[dialect] = _Spelling(self.statement, dialect, self._columns)
        return found


class _Spelling:
    """A statement's text for one dialect, and what its values go through on the way to the driver and back."""

    def __init__(self, statement: Any, dialect: Dialect, columns: Sequence[str] | None) -> None:
        compiled: Any = statement.compile(dialect=dialect, column_keys=columns)
        self._text: str = compiled.string
        self._own: dict[str, Any] = {}
        self._given: list[tuple[str, Process | None]] = []
        self._spelled: list[tuple[str, str, Process]] = []
        for name, bind in compiled.binds.items():
            kind = bind.type.dialect_impl(dialect)
            if bind in compiled.literal_execute_params:
                self._spelled.append((_MARK.format(name), name, kind.literal_processor(dialect)))
            elif bind in compiled.post_compile_params:
                self._text = self._text.replace(_MARK.format(name), _spelled(bind.value, kind, dialect))
            elif bind.required:
                self._given.append((name, kind.bind_processor(dialect)))
            else:
                process = kind.bind_processor(dialect)
                self._own[name] = bind.value if process is None else process(bind.value)
        known = {*self._own, *(name for name, _ in self._given)}
        places = compiled.positiontup
        self._places = None if places is None else [name for name in places if name in known]
        self._reads = _reads(getattr(statement, "selected_columns", ()), dialect)

    def run(self, connection: Connection, facts: Facts) -> Any:
        """Say it once; the driver's cursor afterwards."""
        text = self._text
        for mark, name, spell in self._spelled:
            text = text.replace(mark, spell(facts[name]))
        return _said(connection, text, self._values(facts))

    def run_each(self, connection: Connection, many: Sequence[Facts]) -> Any:
        """Say it for each; the driver's cursor afterwards."""
        return _said(connection, self._text, [self._values(facts) for facts in many], many=True)

    def typed(self, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Make of the driver's values those of the columns' types."""
        if not self._reads:
            return list(rows)
        typed = []
        for row in rows:
            values = list(row)
            for place, read in self._reads:
                values[place] = read(values[place])
            typed.append(tuple(values))
        return typed

    def _values(self, facts: Facts) -> Any:
        values = self._own.copy()
        for name, process in self._given:
            value = facts[name]
            values[name] = value if process is None else process(value)
        return values if self._places is None else tuple(map(values.__getitem__, self._places))


def _spelled(values: Any, kind: TypeEngine[Any], dialect: Dialect) -> str:
    """Spell the values of an IN that are the statement's own."""
    literal = kind.literal_processor(dialect)
    if literal is None:
        raise TypeError(f"{kind!r} cannot be spelled")
    text = ", ".join(map(literal, values))
    return text.replace("%", "%%") if dialect.paramstyle in {"format", "pyformat"} else text


def _reads(columns: Any, dialect: Dialect) -> list[tuple[int, Process]]:
    types: list[TypeEngine[Any]] = [column.type for column in columns]
    found = [
        (place, one.dialect_impl(dialect).result_processor(dialect, None)) for place, one in enumerate(types)
    ]
    return [(place, read) for place, read in found if read is not None]


def _said(connection: Connection, text: str, values: Any, *, many: bool = False) -> Any:
    """Run a text on the connection's driver: heard by whoever listens, its errors SQLAlchemy's own."""
    cursor = connection.connection.cursor()
    for hear in connection.dispatch.before_cursor_execute:
        hear(connection, cursor, text, values, None, many)
    try:
        (cursor.executemany if many else cursor.execute)(text, values)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _known(connection, text, values, error) from error
    for hear in connection.dispatch.after_cursor_execute:
        hear(connection, cursor, text, values, None, many)
    return cursor


def _known(connection: Connection, text: str, values: Any, error: Any) -> BaseException:
    """Make SQLAlchemy's error of the driver's, and give up a connection that is gone, as SQLAlchemy does."""
    dialect = connection.dialect
    kind = dialect.loaded_dbapi.Error
    is_gone = dialect.is_disconnect(error, connection.connection.driver_connection, None)
    if is_gone:
        connection.invalidate(error)
    known: BaseException = DBAPIError.instance(
        text, values, error, kind, connection_invalidated=is_gone, dialect=dialect
    )
    return known
