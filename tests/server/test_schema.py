"""The schema is made once, checked at every start, upgraded on request, and nobody's tables are touched."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text, update
from sqlalchemy.engine import Connection

from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema import lifecycle
from jobmon_server.db.schema.tables_control import metadata
from jobmon_server.errors import WrongSchema
from jobmon_server.migrations import revisions, upgrade_to_head

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.databases import Source

TABLES = sorted([*metadata.tables, lifecycle.version.name])


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Database]:
    """A database without a table."""
    database = Database.connect(empty_database_url)
    yield database
    database.dispose()


def described(connection: Connection) -> dict[str, list[str]]:
    """Every table as the database itself describes it, line by line, in an order that says nothing."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")).all()
        return {name: _parts(sql) for name, sql in rows}
    tables = inspect(connection).get_table_names()
    return {
        table: _parts(connection.execute(text(f"SHOW CREATE TABLE `{table}`")).one()[1]) for table in tables
    }


def _parts(sql: str) -> list[str]:
    """What a statement lists, sorted: SQLite adds a column behind everything else, on the last line."""
    parts, depth = [""], 0
    for character in sql:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 1:
            parts.append("")
        else:
            parts[-1] += character
    first, *rest = " ".join(parts[0].split()).partition("(")
    listed = [first, rest[1], *parts[1:]]
    last, _, options = listed.pop().rpartition(")")
    return sorted(" ".join(one.replace('"', "").split()) for one in [*listed, last, options])


def tables(connection: Connection) -> list[str]:
    """The names of all tables."""
    return sorted(inspect(connection).get_table_names())


def stamp(connection: Connection, revision: str) -> None:
    """Claim that the schema is of another revision."""
    connection.execute(update(lifecycle.version).values(version_num=revision))


def test_the_migrations_make_what_create_all_makes(source: Source) -> None:
    with source.empty() as one, source.empty() as other:
        migrated, created = Database.connect(one), Database.connect(other)
        migrated.transact(upgrade_to_head)
        lifecycle.create_all(created.engine)

        assert migrated.read(described) == created.read(described)
        assert migrated.read(lifecycle.check_current) == created.read(lifecycle.check_current)
        migrated.dispose()
        created.dispose()


def test_the_migrations_lack_nothing_that_the_models_have(empty: Database) -> None:
    empty.transact(upgrade_to_head)

    def missing(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    assert empty.transact(missing) == []
    assert revisions()[0] == lifecycle.HEAD


def test_an_empty_database_gets_the_schema(empty: Database) -> None:
    assert empty.read(lifecycle.is_empty)

    lifecycle.prepare(empty.engine)

    assert empty.read(tables) == TABLES
    assert empty.read(lifecycle.check_current) == lifecycle.HEAD


def test_a_current_database_is_left_as_it_is(empty: Database) -> None:
    lifecycle.prepare(empty.engine)
    before = empty.read(described)
    empty.transact(
        lambda connection: connection.execute(text("INSERT INTO lease (name) VALUES ('kept')")).close()
    )

    lifecycle.prepare(empty.engine)

    assert empty.read(described) == before
    assert (
        empty.read(lambda connection: connection.execute(text("SELECT name FROM lease")).scalar_one())
        == "kept"
    )


def test_a_database_with_other_tables_is_refused_and_kept(empty: Database) -> None:
    empty.transact(lambda connection: connection.execute(text("CREATE TABLE theirs (a INTEGER)")).close())

    for act in (lifecycle.prepare, lifecycle.upgrade):
        with pytest.raises(WrongSchema, match="not Jobmon's"):
            act(empty.engine)

    assert empty.read(tables) == ["theirs"]


def test_a_newer_schema_is_refused(empty: Database) -> None:
    lifecycle.create_all(empty.engine)
    empty.transact(stamp, "9999")

    with pytest.raises(WrongSchema, match="newer version"):
        lifecycle.prepare(empty.engine)
    with pytest.raises(WrongSchema, match="newer version"):
        lifecycle.upgrade(empty.engine)


def test_an_older_schema_is_refused_with_the_command_that_upgrades_it(
    empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifecycle.create_all(empty.engine)
    monkeypatch.setattr(lifecycle, "HEAD", "9999")

    with pytest.raises(WrongSchema, match="jobmon-server db upgrade"):
        lifecycle.prepare(empty.engine)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("ALTER TABLE task RENAME COLUMN num_refunds TO refunds", "table task lacks num_refunds"),
        ("DROP TABLE lease", "table lease is missing"),
    ],
)
def test_a_schema_of_the_right_revision_with_other_columns_is_refused(
    database: Database, change: str, said: str
) -> None:
    database.transact(lambda connection: connection.execute(text(change)))

    with pytest.raises(WrongSchema, match=said):
        lifecycle.prepare(database.engine)


def test_a_column_that_somebody_added_does_no_harm(database: Database) -> None:
    database.transact(lambda connection: connection.execute(text("ALTER TABLE task ADD COLUMN mine INTEGER")))

    lifecycle.prepare(database.engine)


def test_upgrade_makes_the_schema_of_an_empty_database(empty: Database) -> None:
    assert lifecycle.upgrade(empty.engine) == lifecycle.HEAD
    assert lifecycle.upgrade(empty.engine) == lifecycle.HEAD
    assert empty.read(tables) == TABLES


def test_a_schema_that_was_half_made_is_finished(source: Source) -> None:
    with source.with_schema() as url, source.with_schema() as other:
        database, whole = Database.connect(url), Database.connect(other)

        def undo(connection: Connection) -> None:
            metadata.tables["edge"].drop(connection)
            next(index for index in metadata.tables["task"].indexes if "schedule" in str(index.name)).drop(
                connection
            )
            stamp(connection, lifecycle.CREATING)

        database.transact(undo)

        lifecycle.prepare(database.engine)

        assert database.read(described) == whole.read(described)
        database.dispose()
        whole.dispose()


def test_servers_that_start_at_once_make_one_schema(empty_database_url: str) -> None:
    count = 4
    together = threading.Barrier(count)

    def start(_: int) -> str:
        database = Database.connect(empty_database_url)
        try:
            together.wait(10)
            lifecycle.prepare(database.engine)
            return database.read(lifecycle.check_current)
        finally:
            database.dispose()

    with ThreadPoolExecutor(count) as pool:
        assert list(pool.map(start, range(count))) == [lifecycle.HEAD] * count
