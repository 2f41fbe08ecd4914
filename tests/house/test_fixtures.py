"""The fixtures keep what they promise: each test has a fresh database, on both kinds."""

from __future__ import annotations

import pytest
import requests
from sqlalchemy import create_engine, inspect, text

from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables_control import metadata
from tests.support.databases import Source, make_schema
from tests.support.mariadb import SMALL, throwaway
from tests.support.server import LiveServer
from tests.support.waiting import eventually


def test_a_database_has_the_tables_of_the_models(database: Database) -> None:
    assert set(metadata.tables) <= set(inspect(database.engine).get_table_names())


def test_an_empty_database_has_no_tables(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()


def test_a_copied_schema_is_the_schema_that_the_server_makes(source: Source) -> None:
    with source.empty() as made:
        make_schema(made)
        expected = shape(made)
    with source.with_schema() as copied:
        assert shape(copied) == expected


def test_two_databases_are_two(source: Source) -> None:
    with source.empty() as one, source.empty() as other:
        engines = [create_engine(url) for url in (one, other)]
        with engines[0].begin() as connection:
            connection.execute(text("CREATE TABLE only_here (id INTEGER)"))
        assert [inspect(engine).get_table_names() for engine in engines] == [["only_here"], []]
        for engine in engines:
            engine.dispose()


def test_a_throwaway_mariadb_runs_with_the_settings_of_deploy() -> None:
    with throwaway(on_disk=False, options=SMALL) as server:
        engine = create_engine(server.url)
        with engine.connect() as connection:
            found = connection.execute(
                text("SELECT @@innodb_flush_log_at_trx_commit, @@character_set_server, @@max_connections")
            ).one()
        engine.dispose()
    assert tuple(found) == (1, "utf8mb4", 400)


def test_a_live_server_answers_and_ends_when_asked(live_server: LiveServer) -> None:
    assert requests.get(f"{live_server.url}/health", timeout=10).status_code == 200
    assert live_server.stop() == 0


def test_a_live_server_that_is_killed_answers_nobody(live_server: LiveServer) -> None:
    live_server.kill()
    eventually(lambda: refuses(live_server.url), what="the workers are gone with their arbiter")


def refuses(url: str) -> bool:
    try:
        requests.get(f"{url}/health", timeout=10)
    except requests.ConnectionError:
        return True
    return False


def test_eventually_gives_up_and_says_what_it_waited_for() -> None:
    with pytest.raises(AssertionError, match=r"after 0.05 s: the moon is blue"):
        eventually(lambda: False, 0.05, what="the moon is blue")


def shape(url: str) -> dict[str, list[str]]:
    """Columns, indexes, keys and checks by table, in words."""
    engine = create_engine(url)
    try:
        inspector = inspect(engine)
        return {
            table: [
                *(
                    f"{column['name']} {column['type']} {column['nullable']}"
                    for column in inspector.get_columns(table)
                ),
                *sorted(
                    f"index {index['name']} {index['column_names']}" for index in inspector.get_indexes(table)
                ),
                *sorted(
                    f"key {key['name']} {key['column_names']}"
                    for key in inspector.get_unique_constraints(table)
                ),
                *sorted(
                    f"to {key['referred_table']} {key['options']}"
                    for key in inspector.get_foreign_keys(table)
                ),
                *sorted(f"check {check['name']}" for check in inspector.get_check_constraints(table)),
            ]
            for table in inspector.get_table_names()
        }
    finally:
        engine.dispose()
