"""What tables are made of: the naming of keys and indexes, numbered rows, parents, flags."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Column, Double, ForeignKey, MetaData, Table, false

from jobmon_server.db.core.types import ExactText, Id, Instant, Json

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
NAME_LENGTH = 255
REASON_LENGTH = 128


#: What the CREATE TABLE of each table says besides, on the one or the other database.
_OPTIONS: dict[str, dict[str, Any]] = {}


def table(name: str, *parts: Any, **options: Any) -> Table:
    """Declare a table; `options` are SQLAlchemy's for one dialect, `mysql_…` and `sqlite_…`."""
    _OPTIONS[name] = options
    return Table(name, metadata, *parts)


def complete_for_making() -> None:
    """Give the tables their options. SQLAlchemy loads the dialects of both databases for them: who makes no table does without."""
    for name, options in _OPTIONS.items():
        metadata.tables[name].kwargs.update(options)


def new_table(name: str, *parts: Any) -> Table:
    """Declare a table whose rows are numbered."""
    # AUTOINCREMENT: an id is never used again, on SQLite either.
    return table(name, *parts, mysql_engine="InnoDB", mysql_charset="utf8mb4", sqlite_autoincrement=True)


def row_id() -> Column[int]:
    """Make the column that numbers the rows."""
    return Column("id", Id, primary_key=True, autoincrement=True)


def parent(name: str, target: str) -> Column[int]:
    """Make a column that points to the row that this one goes with."""
    return Column(name, Id, ForeignKey(target, ondelete="CASCADE"), nullable=False)


def flag(name: str) -> Column[bool]:
    """Make a column that is true or false, false at first."""
    return Column(name, Boolean(create_constraint=True, name=name), nullable=False, server_default=false())


def execution_columns() -> list[Column[Any]]:
    """Make the columns that say how commands run: where, with what environment, and how long after a failure."""
    return [
        Column("working_directory", ExactText),
        Column("environment", Json),
        Column("retry_seconds", Double),
        Column("retry_factor", Double),
        Column("retry_jitter", Double),
    ]


def grace_columns() -> tuple[Column[Any], Column[Any]]:
    """Make the columns of what has a deadline: when a leader that was back gave it anew, and for how long all had led by then."""
    return Column("graced_at", Instant), Column("graced_led", Double)


def plain_table(name: str, *parts: Any) -> Table:
    """Declare a table whose rows have keys of their own."""
    return table(name, *parts, mysql_engine="InnoDB", mysql_charset="utf8mb4")


def member(name: str, target: str) -> Column[int]:
    """Make the first column of the key of a table whose rows belong to one row of another."""
    reference = ForeignKey(target, ondelete="CASCADE")
    return Column(name, Id, reference, primary_key=True, autoincrement=False)
