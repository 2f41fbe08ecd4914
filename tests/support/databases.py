"""Fresh databases for tests, cheap enough for each test to have its own: the schema is made once and copied."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.lifecycle import create_all
from tests.support.mariadb import Mariadb


class Source(Protocol):
    """Where the databases of one kind come from."""

    @contextmanager
    def empty(self) -> Iterator[str]:
        """The URL of a database that holds nothing, not even tables; it is gone after the block."""

    @contextmanager
    def with_schema(self) -> Iterator[str]:
        """The URL of a database that is what the server makes of an empty one."""


def make_schema(url: str) -> None:
    """Make the schema of the server in the empty database `url`."""
    database = Database.connect(url)
    try:
        create_all(database.engine)
    finally:
        database.dispose()


class SqliteSource:
    """Files below `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = itertools.count(1)
        self._template = directory / "template.db"

    @contextmanager
    def empty(self) -> Iterator[str]:
        """A path where nothing is yet."""
        directory = self._directory / f"database{next(self._numbers)}"
        directory.mkdir()
        yield f"sqlite:///{directory / 'jobmon.db'}"
        shutil.rmtree(directory, ignore_errors=True)

    @contextmanager
    def with_schema(self) -> Iterator[str]:
        """A copy of the template file."""
        if not self._template.exists():
            make_schema(f"sqlite:///{self._template}")
        with self.empty() as url:
            shutil.copyfile(self._template, url.removeprefix("sqlite:///"))
            yield url


class MariadbSource:
    """Databases of one server, named so that two runs of the tests may share it."""

    def __init__(self, server: Mariadb) -> None:
        self._server = server
        self._numbers = itertools.count(1)
        self._template: list[str] = []

    @contextmanager
    def empty(self) -> Iterator[str]:
        """A new database; it is dropped together with the connections that were left to it."""
        name = f"jobmon_test_{os.getpid()}_{next(self._numbers)}"
        self._server.execute(f"CREATE DATABASE `{name}`")
        try:
            yield self._server.database_url(name)
        finally:
            self._server.disconnect(name)
            self._server.execute(f"DROP DATABASE `{name}`")

    @contextmanager
    def with_schema(self) -> Iterator[str]:
        """A new database in which the statements that rebuild the template were run."""
        if not self._template:
            with self.empty() as url:
                make_schema(url)
                self._template = self._statements(url)
        with self.empty() as url:
            name = url.rsplit("/", 1)[1]
            self._server.execute(f"USE `{name}`", "SET foreign_key_checks = 0", *self._template)
            yield url

    def _statements(self, url: str) -> list[str]:
        """What rebuilds the tables of a database and the rows that the schema puts in them."""
        with (
            closing(self._server.connect(url.rsplit("/", 1)[1])) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SHOW FULL TABLES")
            kinds = dict(cursor.fetchall())
            statements = []
            for table in (name for name, kind in kinds.items() if kind == "BASE TABLE"):
                cursor.execute(f"SHOW CREATE TABLE `{table}`")
                ((_, create),) = cursor.fetchall()
                statements.append(create)
                cursor.execute(f"SELECT * FROM `{table}`")  # noqa: S608  # the name comes from SHOW TABLES
                values = [
                    cursor.mogrify(f"({', '.join(['%s'] * len(row))})", row) for row in cursor.fetchall()
                ]
                if values:
                    statements.append(f"INSERT INTO `{table}` VALUES {', '.join(values)}")  # noqa: S608
            for view in (name for name, kind in kinds.items() if kind == "VIEW"):
                cursor.execute(f"SHOW CREATE VIEW `{view}`")
                ((_, create, *_),) = cursor.fetchall()
                statements.append(create)
            return statements
