"""Which indexes there should be and which there are; missing ones are made, in place where the database can."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Text, UniqueConstraint, inspect
from sqlalchemy.engine import Connection

from jobmon_server.db.core.types import Json
from jobmon_server.db.schema.tables_control import metadata
from jobmon_server.errors import ConfigurationError
from jobmon_server.settings.extra_index import ExtraIndex

#: What the names of a site's own indexes begin with.
EXTRA = "extra_"
#: MariaDB then refuses what would keep writers out, instead of keeping them out. SQLite has one writer anyway.
ONLINE = {"mysql": " ALGORITHM = INPLACE LOCK = NONE", "mariadb": " ALGORITHM = INPLACE LOCK = NONE"}


class State(StrEnum):
    """How an index stands."""

    PRESENT = "present"
    MISSING = "missing"
    #: It has the name of a site's own, and the settings declare it no longer.
    UNDECLARED = "undeclared"
    #: Somebody made it, or the database did for a foreign key.
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class KnownIndex:
    """An index; `columns` with `DESC` where it descends."""

    table: str
    name: str
    columns: tuple[str, ...]
    unique: bool
    state: State


def known(connection: Connection, extra: Iterable[ExtraIndex]) -> list[KnownIndex]:
    """Return every index that there should be or is, by table and name. Raises ConfigurationError for one that cannot be."""
    wanted = {(one.table, one.name): one for one in (*_ours(), *map(_theirs, extra))}
    found = {(one.table, one.name): one for one in _present(connection)}
    both = {**found, **{key: _state(one, key in found) for key, one in wanted.items()}}
    return [both[key] for key in sorted(both)]


def _state(one: KnownIndex, is_there: bool) -> KnownIndex:  # noqa: FBT001 - the one thing that it asks
    state = State.PRESENT if is_there else State.MISSING
    return KnownIndex(one.table, one.name, one.columns, one.unique, state)


def _ours() -> Iterator[KnownIndex]:
    for table in metadata.sorted_tables:
        for index in table.indexes:
            columns = tuple(str(one).removeprefix(f"{table.name}.") for one in index.expressions)
            yield KnownIndex(table.name, str(index.name), columns, bool(index.unique), State.MISSING)
        for constraint in table.constraints:
            if isinstance(constraint, UniqueConstraint):
                columns = tuple(column.name for column in constraint.columns)
                yield KnownIndex(table.name, str(constraint.name), columns, True, State.MISSING)


def _theirs(extra: ExtraIndex) -> KnownIndex:
    table = metadata.tables.get(extra.table)
    if table is None:
        raise ConfigurationError(f"extra_indexes: there is no table {extra.table}.")
    for name in extra.columns:
        if name not in table.columns:
            raise ConfigurationError(f"extra_indexes: table {extra.table} has no column {name}.")
        if isinstance(table.columns[name].type, Text | Json):
            raise ConfigurationError(f"extra_indexes: {extra.table}.{name} is text of any length.")
    return KnownIndex(extra.table, extra.name, extra.columns, extra.unique, State.MISSING)


def _present(connection: Connection) -> Iterator[KnownIndex]:
    inspector = inspect(connection)
    for name in sorted(set(metadata.tables) & set(inspector.get_table_names())):
        found: dict[str, KnownIndex] = {}
        every: list[Any] = [*inspector.get_indexes(name), *inspector.get_unique_constraints(name)]
        for one in every:
            called, columns = str(one["name"]), tuple(map(str, one["column_names"]))
            state = State.UNDECLARED if called.startswith(EXTRA) else State.OTHER
            found[called] = KnownIndex(name, called, columns, one.get("unique", True), state)
        yield from found.values()


def make_missing(connection: Connection, indexes: Iterable[KnownIndex]) -> list[KnownIndex]:
    """Make those that are missing; return which."""
    missing = [one for one in indexes if one.state is State.MISSING]
    for one in missing:
        connection.exec_driver_sql(made_by(connection, one))
    return missing


def made_by(connection: Connection, one: KnownIndex) -> str:
    """Return the statement that makes an index."""
    kind = "UNIQUE INDEX" if one.unique else "INDEX"
    online = ONLINE.get(connection.dialect.name, "")
    return f"CREATE {kind} {one.name} ON {_quoted(connection, one.table)} ({', '.join(one.columns)}){online}"


def rebuilt_by(connection: Connection, indexes: Sequence[KnownIndex]) -> list[str]:
    """Return the statements that rebuild these indexes, and drop those that are declared no longer.

    MariaDB builds all indexes of a table anew beside it, so that nobody is without one meanwhile.
    """
    tables = sorted({one.table for one in indexes if one.state is not State.MISSING})
    is_sqlite = connection.dialect.name == "sqlite"
    undeclared = [one for one in indexes if one.state is State.UNDECLARED]
    dropped = [
        f"DROP INDEX {one.name}" + ("" if is_sqlite else f" ON {_quoted(connection, one.table)}")
        for one in undeclared
    ]
    form = "REINDEX {}" if is_sqlite else "ALTER TABLE {} FORCE, ALGORITHM = INPLACE, LOCK = NONE"
    return [*dropped, *(form.format(_quoted(connection, table)) for table in tables)]


def _quoted(connection: Connection, table: str) -> str:
    return connection.dialect.identifier_preparer.quote(table)


def rebuild(connection: Connection, statements: Iterable[str]) -> None:
    """Carry the statements out."""
    for statement in statements:
        connection.exec_driver_sql(statement)
