"""Fixtures: every test that asks for a database runs on SQLite and on MariaDB, each time on a fresh one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.mariadb import Mariadb
from tests.support.mariadb import mariadb as running_mariadb
from tests.support.waiting import eventually as wait_until

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from jobmon_server.db.core.transaction import Database
    from tests.support.databases import MariadbSource, Source, SqliteSource
    from tests.support.public_python import PublicPython
    from tests.support.server import LiveServer

# What needs the server is imported where it is used: the client's tests run without it.

LEFT = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the long tests run beside the others."""
    parser.addoption("--long", action="store_true", help="run the tests marked long too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests to `tox -e long`, unless `-m` or `--long` asks for them."""
    if config.getoption("--long") or re.search(r"\blong\b", config.getoption("-m")):
        return
    left = [item for item in items if item.get_closest_marker("long")]
    if left:
        items[:] = [item for item in items if not item.get_closest_marker("long")]
        config.stash[LEFT] = len(left)
        config.hook.pytest_deselected(items=left)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a process of pytest-xdist tell the first one how many it left out."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left"] = session.config.stash.get(LEFT, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the number from a process of pytest-xdist; each of them leaves out the same tests."""
    node.config.stash[LEFT] = getattr(node, "workeroutput", {}).get("left", 0)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say how many tests were left out."""
    if left := config.stash.get(LEFT, 0):
        terminalreporter.write_line(f"{left} long tests are left for `tox -e long`")


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Mariadb]:
    """A MariaDB that answers; without one the tests fail, they are never skipped."""
    with running_mariadb() as server:
        yield server


@pytest.fixture(scope="session")
def public_python() -> Iterator[PublicPython]:
    """A Python with our packages that every user of the machine may execute."""
    from tests.support.public_python import public_python

    with public_python() as python:
        yield python


@pytest.fixture(scope="session")
def sqlite_source(tmp_path_factory: pytest.TempPathFactory) -> SqliteSource:
    """Fresh SQLite files."""
    from tests.support.databases import SqliteSource

    return SqliteSource(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def mariadb_source(mariadb_server: Mariadb) -> MariadbSource:
    """Fresh MariaDB databases."""
    from tests.support.databases import MariadbSource

    return MariadbSource(mariadb_server)


@pytest.fixture(
    params=[
        pytest.param("sqlite", marks=pytest.mark.sqlite),
        pytest.param("mariadb", marks=pytest.mark.mariadb),
    ]
)
def source(request: pytest.FixtureRequest) -> Source:
    """Fresh databases of either kind: who uses this runs twice."""
    chosen: Source = request.getfixturevalue(f"{request.param}_source")
    return chosen


@pytest.fixture
def database_url(source: Source) -> Iterator[str]:
    """The URL of a fresh database with the schema and no work in it."""
    with source.with_schema() as url:
        yield url


@pytest.fixture
def empty_database_url(source: Source) -> Iterator[str]:
    """The URL of a fresh database without any table, for tests of how the schema is made."""
    with source.empty() as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """`database_url`, connected."""
    from jobmon_server.db.core.transaction import Database

    connected = Database.connect(database_url)
    yield connected
    connected.dispose()


@pytest.fixture
def app(database: Database) -> Flask:
    """The server's application on `database`, without a process, a reaper or a socket."""
    from jobmon_server.app import create_app

    return create_app(database)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A caller of `app`."""
    return app.test_client()


@pytest.fixture(scope="session", autouse=True)
def data_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where clients in the tests' own process look for a server's token: never the home of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("data-home")
        patch.setenv("XDG_DATA_HOME", str(home))
        yield home


@pytest.fixture
def live_server(database_url: str, tmp_path: Path) -> Iterator[LiveServer]:
    """The real `jobmon-server serve` on `database_url`, whose token this process and its children find."""
    from tests.support.server import serve

    with serve(database_url, tmp_path) as server:
        yield server


@pytest.fixture
def eventually() -> Callable[..., object]:
    """`eventually(check, timeout=…)`: wait for what becomes true."""
    return wait_until
