"""The real server process: how it starts, who may start another, how it ends."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from sqlalchemy import DateTime, delete, insert

from jobmon_client.states import TaskInstanceStatus
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema import lifecycle
from jobmon_server.db.schema.tables import task_instance
from jobmon_server.errors import AlreadyServed
from jobmon_server.serving.server_file import ServerFile, read_url
from jobmon_server.serving.while_used import GIVE_UP_SECONDS, WhileUsed
from tests.support.server import environment, serve, start
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

    from tests.support.databases import MariadbSource
    from tests.support.server import LiveServer


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A SQLite file that is not there yet, in a directory that is not there either."""
    return f"sqlite:///{tmp_path}/new/jobmon.db"


@pytest.fixture
def server_file(tmp_path: Path) -> Path:
    """The file of its server."""
    return tmp_path / "new" / "jobmon.db.server"


def run(tmp_path: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `jobmon-server` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "jobmon_server", *arguments],
        env=environment(XDG_DATA_HOME=str(tmp_path / "data"), HOME=str(tmp_path), **settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def is_locked(path: Path) -> bool:
    """Whether somebody holds the exclusive lock on a file."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def using(path: Path) -> Iterator[None]:
    """Hold the shared lock by which a client says that it uses the server."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    yield
    os.close(descriptor)


def test_it_serves_either_database(live_server: LiveServer) -> None:
    response = requests.get(f"{live_server.url}/ready", timeout=10)

    assert (response.status_code, response.json()["status"]) == (200, "ready")
    assert live_server.stop() == 0


def test_it_makes_the_database_and_says_where_it_listens(url: str, server_file: Path, tmp_path: Path) -> None:
    with serve(url, tmp_path) as server:
        named = json.loads(server_file.read_text())
        assert named == {"url": server.url, "pid": server.process.pid}
        assert is_locked(server_file)
        assert requests.get(f"{server.url}/ready", timeout=10).ok

    assert server.process.returncode == 0
    assert not is_locked(server_file)


def test_a_second_server_on_the_same_file_is_refused(url: str, tmp_path: Path) -> None:
    with serve(url, tmp_path) as server:
        second = run(tmp_path, "serve", "--port", "0", "--database-url", url)

        assert second.returncode == 4
        assert server.url in second.stderr
        assert "Traceback" not in second.stderr
        assert requests.get(f"{server.url}/ready", timeout=10).ok


def test_a_server_that_was_killed_leaves_no_lock(url: str, server_file: Path, tmp_path: Path) -> None:
    server = start(url, tmp_path)
    server.kill()
    eventually(lambda: not is_locked(server_file))

    with serve(url, tmp_path) as next_one:
        assert read_url(server_file) == next_one.url


def test_workers_do_not_outlive_the_process_that_started_them(
    url: str, server_file: Path, tmp_path: Path
) -> None:
    server = start(url, tmp_path)
    requests.get(f"{server.url}/health", timeout=10)
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(10)

    eventually(lambda: not is_locked(server_file))


def test_an_interrupt_lets_it_end_politely(url: str, tmp_path: Path) -> None:
    server = start(url, tmp_path)
    requests.get(f"{server.url}/health", timeout=10)

    os.killpg(server.process.pid, signal.SIGINT)

    assert server.process.wait(20) == 0
    assert "Traceback" not in server.log.read_text()


def test_it_ends_when_nobody_uses_it_any_more(url: str, server_file: Path, tmp_path: Path) -> None:
    users = tmp_path / "users"
    with using(users):
        server = start(url, tmp_path, ["--while-used", str(users)])
        assert requests.get(f"{server.url}/ready", timeout=10).ok

    assert server.process.wait(20) == 0
    assert read_url(server_file) is None


def add_instance(connection: Connection, status: TaskInstanceStatus) -> None:
    """Insert an instance, filled in so far as the table insists."""
    instant = datetime(2026, 1, 1)  # noqa: DTZ001 - as the database gives it
    needed = [
        column for column in task_instance.columns if not column.nullable and column.server_default is None
    ]
    row = {column.name: instant if isinstance(column.type, DateTime) else 1 for column in needed}
    connection.execute(insert(task_instance).values({**row, "status": status, "report_by": instant}))


def forget_foreign_keys(database: Database) -> None:
    """Let rows be inserted whose parents do not matter; the pool must have one connection."""
    with database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA foreign_keys = OFF")


def test_it_ends_when_its_directory_was_removed_under_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    database = Database.connect(f"sqlite:///{data / 'jobmon.db'}")
    watch = WhileUsed(data / "users", database, threading.Event().set)
    assert not watch._is_unused(), "there are no tables yet"
    shutil.rmtree(data)
    assert watch._is_unused()


def test_it_ends_when_it_could_not_read_its_database_for_a_minute(tmp_path: Path) -> None:
    now = [0.001]
    database = Database.connect(f"sqlite:///{tmp_path / 'gone' / 'jobmon.db'}")
    watch = WhileUsed(tmp_path / "users", database, threading.Event().set, lambda: now[0])
    assert not watch._is_unused()
    now[0] += GIVE_UP_SECONDS - 1
    assert not watch._is_unused()
    now[0] += 1
    with using(tmp_path / "users"):
        assert not watch._is_unused()
    assert watch._is_unused()


def test_it_stays_until_what_had_to_be_killed_is_dead(url: str, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    database = Database.connect(url, pool_size=1)
    lifecycle.create_all(database.engine)
    forget_foreign_keys(database)
    database.transact(add_instance, TaskInstanceStatus.KILL_SELF)
    ended = threading.Event()
    watch = WhileUsed(tmp_path / "users", database, ended.set)

    assert not watch._is_unused()
    assert not is_locked(tmp_path / "users")
    database.transact(lambda connection: connection.execute(delete(task_instance)).close())
    assert watch._is_unused()
    assert is_locked(tmp_path / "users")
    database.dispose()


def test_who_comes_while_a_server_ends_waits_for_its_lock(server_file: Path) -> None:
    server_file.parent.mkdir()
    first = ServerFile.take(server_file, patience=1)
    first.announce("http://127.0.0.1:1")
    with pytest.raises(AlreadyServed, match=r"127\.0\.0\.1:1"):
        ServerFile.take(server_file, patience=10)
    first.withdraw()
    threading.Timer(0.2, first.release).start()

    second = ServerFile.take(server_file, patience=10)

    assert read_url(server_file) is None
    second.release()


def test_a_look_at_the_lock_does_not_stop_a_server_from_starting(server_file: Path) -> None:
    server_file.parent.mkdir()
    server_file.write_text('{"url": "http://127.0.0.1:1", "pid": 1}')
    looking = os.open(server_file, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    threading.Timer(0.1, os.close, (looking,)).start()

    taken = ServerFile.take(server_file, patience=1)

    assert read_url(server_file) is None
    taken.release()


@pytest.mark.mariadb
def test_another_database_than_sqlite_may_have_many_servers(
    mariadb_source: MariadbSource, tmp_path: Path
) -> None:
    with (
        mariadb_source.empty() as url,
        serve(url, tmp_path, "--workers", "2") as one,
        serve(url, tmp_path, "--workers", "1") as other,
    ):
        assert one.url != other.url
        for server in (one, other):
            assert requests.get(f"{server.url}/ready", timeout=10).ok
        (file,) = (tmp_path / "jobmon").glob("*.server")
        assert read_url(file) == one.url


def test_a_port_that_is_taken_is_an_error_of_use(url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run(tmp_path, "serve", "--port", str(port), "--database-url", url)

    assert ended.returncode == 2
    assert f"127.0.0.1:{port}" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--host", "0.0.0.0"], "--auth tokens"),  # noqa: S104 - refused
        (["--workers", "2"], "SQLite means one server process"),
        (["--port", "x"], "--port"),
        (["--database-url", "nonsense"], "database_url"),
        (["--database-url", "oracle://a/b"], "database_url"),
        (["--database-url", "mysql+pymysql://nobody@127.0.0.1:1/nothing"], "cannot be used"),
        (["--database-url", "sqlite:////proc/none/a.db"], "/proc/none"),
        (["--database-url", "sqlite:////proc/a.db"], "/proc/a.db"),
    ],
)
def test_what_cannot_be_served_is_said_in_a_sentence(tmp_path: Path, arguments: list[str], says: str) -> None:
    ended = run(tmp_path, "serve", *arguments)

    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr


def test_somebody_elses_database_is_refused_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "theirs.db"
    with closing(sqlite3.connect(file)) as theirs:
        theirs.execute("CREATE TABLE precious (a)")

    ended = run(tmp_path, "serve", "--port", "0", "--database-url", f"sqlite:///{file}")

    assert ended.returncode == 2
    assert "not Jobmon's" in ended.stderr
    with closing(sqlite3.connect(file)) as theirs:
        assert theirs.execute("SELECT name FROM sqlite_master").fetchall() == [("precious",)]
