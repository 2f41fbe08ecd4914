"""Rows that are written whether or not they are there: one statement for any number of them, on either database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table
from sqlalchemy.engine import Connection

if TYPE_CHECKING:
    from sqlalchemy.dialects import mysql, sqlite


def upsert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows; of those whose key is there already, write the other columns. Whole rows, each key once."""
    if not rows:
        return
    statement = _on_sqlite(table) if connection.dialect.name == "sqlite" else _on_mariadb(table)
    connection.execute(statement, rows)


def _on_sqlite(table: Table) -> sqlite.Insert:
    from sqlalchemy.dialects import sqlite

    statement = sqlite.insert(table)
    new = {name: statement.excluded[name] for name in _facts(table)}
    return statement.on_conflict_do_update(index_elements=table.primary_key.columns, set_=new)


def _on_mariadb(table: Table) -> mysql.Insert:
    from sqlalchemy.dialects import mysql

    statement = mysql.insert(table)
    return statement.on_duplicate_key_update({name: statement.inserted[name] for name in _facts(table)})


def _facts(table: Table) -> list[str]:
    """Return the columns that are not of the key."""
    return [column.name for column in table.columns if not column.primary_key]
