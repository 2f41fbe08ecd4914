"""A call waits for locks for a bounded time in all, whoever holds them, and is then told to come again."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.engine import Connection

from jobmon_client.http import Http
from jobmon_server.app import create_app
from jobmon_server.db.core.limits import patience
from jobmon_server.db.core.transaction import Database
from jobmon_server.errors import Busy
from tests.support.path import RUNNING, Path, task

#: What another program does with the file: a backup, say, or somebody at a shell.
HOLD = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN " + sys.argv[2])
print("held", flush=True)
sys.stdin.read()
held.execute("ROLLBACK")
"""
CALLERS = 6


def nothing(_connection: Connection) -> None:
    """An act that reads and writes nothing."""


@contextmanager
def held(url: str, how: str) -> Iterator[None]:
    """Have another process hold the write lock of a SQLite file during the block."""
    command = [sys.executable, "-c", HOLD, url.removeprefix("sqlite:///"), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield
        # Whoever was answered until now was answered before the lock went.
        assert holder.poll() is None


@pytest.fixture
def started(sqlite_source, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Database]]:
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.3)
    with sqlite_source.with_schema() as url:
        database = Database.connect(url)
        yield url, database
        database.dispose()


@pytest.mark.sqlite
@pytest.mark.parametrize("how", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_report_is_answered_while_somebody_else_holds_the_lock(started, how: str) -> None:
    url, database = started
    client = create_app(database).test_client()
    path = Path(client)
    path.bind(task("a")).start()
    (one,) = path.queue()
    path.claim([one])
    report = {"worker_id": "w", **RUNNING}
    with held(url, how):
        reply = client.post(f"/api/v1/task_instance/{one}/log_running", json=report)
        assert (reply.status_code, reply.headers["Retry-After"]) == (503, "1")
        assert client.get(f"/api/v1/task_instance/{one}").get_json()["status"] == "INSTANTIATED"
    again = client.post(f"/api/v1/task_instance/{one}/log_running", json=report)
    assert again.get_json()["outcome"] == "applied"


@pytest.mark.sqlite
def test_so_is_everybody_who_waits_at_once(started) -> None:
    url, database = started
    app = create_app(database)
    path = Path(app.test_client())
    path.bind(*(task(f"t{number}") for number in range(CALLERS))).start()
    ids = path.queue()
    path.claim(ids)
    statuses: list[int] = []

    def call(one: int) -> None:
        body = {"worker_id": "w", **RUNNING}
        statuses.append(
            app.test_client().post(f"/api/v1/task_instance/{one}/log_running", json=body).status_code
        )

    with held(url, "IMMEDIATE"):
        callers = [threading.Thread(target=call, args=(one,)) for one in ids]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    assert statuses == [503] * CALLERS


@pytest.mark.sqlite
def test_a_call_of_many_transactions_has_one_patience(started) -> None:
    url, database = started
    with held(url, "IMMEDIATE"):
        patience.start()
        try:
            with pytest.raises(Busy):
                database.transact(nothing)
            assert patience.current().left <= 0
            tried = database.reruns
            with pytest.raises(Busy):
                database.transact(nothing)
            assert database.reruns == tried
        finally:
            patience.end()
    database.transact(nothing)


def test_the_patience_is_less_than_that_of_our_client() -> None:
    assert patience.TimeBudget().left == patience.PATIENCE_SECONDS == 10.0
    assert Http("http://127.0.0.1:1")._timeout > 2 * patience.PATIENCE_SECONDS
