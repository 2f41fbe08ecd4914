"""Whether the tables have the columns that the models name: a revision can be right and a table changed by hand."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import inspect
from sqlalchemy.engine import Connection

from jobmon_server.db.schema.tables_control import metadata


def missing(connection: Connection) -> list[str]:
    """Return what is missing, in words, by table; what somebody has added for a purpose of his own does no harm."""
    return list(_missing(connection))


def _missing(connection: Connection) -> Iterator[str]:
    inspector = inspect(connection)
    present = set(inspector.get_table_names())
    for table in metadata.sorted_tables:
        if table.name not in present:
            yield f"table {table.name} is missing"
            continue
        found = {column["name"] for column in inspector.get_columns(table.name)}
        wanted = {column.name for column in table.columns}
        if wanted - found:
            yield f"table {table.name} lacks {', '.join(sorted(wanted - found))}"
