"""Connections to the database: given back whatever fails, made after the fork, shared by nobody."""

from __future__ import annotations

import logging
import threading
from contextlib import closing
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

import pytest
import requests
import structlog
from flask import Flask
from sqlalchemy import func, insert, select
from sqlalchemy.engine import Connection

from jobmon_server.app import create_app
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables_workflow import workflow
from jobmon_server.db.workflows import binding
from jobmon_server.routes.http.endpoint import reply, transact
from tests.support.path import Path, task
from tests.support.server import LiveServer, serve
from tests.support.sockets import sockets_to
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Response
    from flask.testing import FlaskClient

    from tests.support.databases import MariadbSource
    from tests.support.mariadb import Mariadb

FAILURES = 1_000


def write_then_fail(connection: Connection) -> dict[str, Any]:
    """Write a row, then meet what nobody foresaw."""
    binding.add_workflow(connection, {"name": "half made"})
    raise RuntimeError("nobody foresaw this")


def write_then_offend(connection: Connection) -> dict[str, Any]:
    """Write a row, then offend the database."""
    number = binding.add_workflow(connection, {"name": "half made"})
    connection.execute(insert(workflow).values(id=number, name="twice"))
    return {}


@pytest.fixture
def failing(database: Database) -> Iterator[Flask]:
    """The application, with two routes more that fail after a write; it logs none of a thousand tracebacks."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    app = create_app(database)

    @app.post("/fail")
    def fail() -> Response:
        return reply(transact(write_then_fail))

    @app.post("/offend")
    def offend() -> Response:
        return reply(transact(write_then_offend))

    yield app
    structlog.reset_defaults()


def count_workflows(database: Database) -> int:
    """How many there are."""
    return database.read(
        lambda connection: connection.execute(select(func.count()).select_from(workflow)).scalar_one()
    )


def test_a_write_before_a_failure_changes_nothing(failing: Flask, database: Database) -> None:
    client = failing.test_client()
    for path in ("/fail", "/offend"):
        assert client.post(path).status_code == 500
    assert count_workflows(database) == 0
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert client.post("/api/v1/workflow", json={"name": "after"}).status_code == 201


def test_a_thousand_failing_requests_leave_every_connection_in_the_pool(
    failing: Flask, database: Database
) -> None:
    pool: Any = database.engine.pool
    path = Path(failing.test_client()).bind(task("a")).start()
    before = (pool.checkedin(), pool.checkedout(), count_workflows(database))

    def fail(client: FlaskClient, count: int) -> None:
        ask = [
            ("/fail", 500),
            ("/offend", 500),
            ("/api/v1/task_instance/77/log_done", 422),
            ("/api/v1/task/77/stop", 404),
            (f"/api/v1/workflow_run/{path.run_id}/nothing", 404),
        ]
        for number in range(count):
            where, status = ask[number % len(ask)]
            assert client.post(where, json={}).status_code == status

    fail(failing.test_client(), FAILURES)
    assert (pool.checkedin(), pool.checkedout(), count_workflows(database)) == before


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    text = FilePath(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(one) for one in text.split()]


@pytest.mark.mariadb
def test_each_worker_process_has_connections_of_its_own(
    mariadb_source: MariadbSource, mariadb_server: Mariadb, tmp_path: FilePath
) -> None:
    port = mariadb_server.url.port or 3306
    with mariadb_source.empty() as url, serve(url, tmp_path, "--workers", "2") as server:
        workers: Any = eventually(lambda: len(found := children(server.process.pid)) == 2 and found)

        def connected() -> Any:
            asking = [threading.Thread(target=ask, args=(server,)) for _ in range(8)]
            for thread in asking:
                thread.start()
            for thread in asking:
                thread.join(20)
            found = [sockets_to(port, pid) for pid in workers]
            return all(found) and found

        one, other = eventually(connected, 30, what="both workers asked the database")
        assert one & other == set()
        assert sockets_to(port, server.process.pid) == set()
        known = processes(mariadb_server, url.rpartition("/")[2])
        assert len(set(known)) == len(known) >= len(one | other)


def ask(server: LiveServer) -> None:
    """Have the server read."""
    assert requests.get(f"{server.url}/api/v1/workflow", headers=server.headers, timeout=20).ok


def processes(server: Mariadb, database: str) -> list[int]:
    """The ids of the connections to a database."""
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", (database,))
        return [number for (number,) in cursor.fetchall()]
