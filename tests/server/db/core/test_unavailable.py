"""A database that takes no writes, or that is damaged: callers are told to come again, or what is wrong, and never `internal`."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from jobmon_server.app import create_app
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.lifecycle import create_all
from tests.support.mariadb import SMALL, Mariadb, throwaway

#: Bytes: enough for the lines that are logged meanwhile, and not for a page of a database.
SMALL_FILE = 4_000
LARGE = {"name": "w", "attributes": {"x": "y" * 200_000}}


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Have the kernel refuse to let any file of this process grow beyond so many bytes, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    was = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, was)


@contextmanager
def closing_database(url: str) -> Iterator[Database]:
    """Connect for a block."""
    database = Database.connect(url)
    try:
        yield database
    finally:
        database.dispose()


def nothing(_connection: Connection) -> None:
    """An act that reads and writes nothing."""


def told(reply: Any) -> tuple[int, str, str | None]:
    return reply.status_code, reply.get_json()["error"]["code"], reply.headers.get("Retry-After")


@pytest.fixture
def sqlite_url(sqlite_source) -> Iterator[str]:
    with sqlite_source.with_schema() as url:
        yield url


@pytest.mark.sqlite
def test_a_full_disk_is_busy_until_there_is_room(sqlite_url: str) -> None:
    with closing_database(sqlite_url) as database:
        client = create_app(database).test_client()
        assert client.post("/api/v1/workflow", json={"name": "first"}).status_code == 201
        with files_no_larger_than(SMALL_FILE):
            assert told(client.post("/api/v1/workflow", json=LARGE)) == (503, "busy", "10")
            assert told(client.get("/ready"))[:2] == (503, "busy")
            assert client.get("/health").status_code == 200
        assert client.get("/ready").status_code == 200
        assert client.post("/api/v1/workflow", json=LARGE).status_code == 201


@pytest.mark.sqlite
def test_a_file_that_may_only_be_read_is_busy(sqlite_url: str) -> None:
    name = sqlite_url.removeprefix("sqlite:///")
    with closing_database(sqlite_url) as database:
        database.transact(nothing)
    with closing_database(f"sqlite:///file:{name}?mode=ro&uri=true") as database:
        client = create_app(database).test_client()
        assert told(client.post("/api/v1/workflow", json={"name": "w"})) == (503, "busy", "10")
        assert "read-only" in client.get("/ready").get_json()["error"]["message"]


@pytest.mark.sqlite
def test_a_damaged_file_is_told_in_a_sentence(tmp_path: FilePath) -> None:
    (tmp_path / "jobmon.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 8192)
    with closing_database(f"sqlite:///{tmp_path / 'jobmon.db'}") as database:
        client = create_app(database).test_client()
        reply = client.post("/api/v1/workflow", json={"name": "w"})
        assert told(reply) == (500, "corrupt_database", None)
        assert "damaged" in reply.get_json()["error"]["message"]
        assert told(client.get("/ready"))[:2] == (503, "busy")


@pytest.fixture(scope="module")
def own_mariadb() -> Iterator[Mariadb]:
    """A server of this module's own, whose settings it may change for all."""
    with throwaway(on_disk=False, options=SMALL) as server:
        yield server


@pytest.mark.mariadb
@pytest.mark.slow
def test_a_read_only_mariadb_is_busy_until_it_takes_writes(own_mariadb: Mariadb) -> None:
    own_mariadb.execute("CREATE DATABASE jobmon", "CREATE USER plain", "GRANT ALL ON jobmon.* TO plain")
    url = own_mariadb.url.set(database="jobmon", username="plain").render_as_string(hide_password=False)
    with closing_database(url) as database:
        create_all(database.engine)
        client = create_app(database).test_client()
        own_mariadb.execute("SET GLOBAL read_only = 1")
        assert told(client.post("/api/v1/workflow", json={"name": "w"})) == (503, "busy", "10")
        assert "read-only" in client.get("/ready").get_json()["error"]["message"]
        own_mariadb.execute("SET GLOBAL read_only = 0")
        assert client.get("/ready").status_code == 200
        assert client.post("/api/v1/workflow", json={"name": "w"}).status_code == 201
        own_mariadb.execute("DROP DATABASE jobmon")
        assert told(client.post("/api/v1/workflow", json={"name": "w"}))[:2] == (503, "busy")
