"""A MariaDB for tests and bench: a throwaway `mariadbd` run with deploy/mariadb.cnf, or the server of JOBMON_TEST_MARIADB_URL."""

from __future__ import annotations

import contextlib
import importlib.resources
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pymysql
from sqlalchemy.engine import URL, make_url

from tests.support.processes import end, free_port, kill
from tests.support.waiting import eventually

START_TIMEOUT = 30.0
"""Seconds until a started server must answer."""

# A ramdisk and a machine shared with the tests: what the file in deploy/ sets for a production machine is too big here.
SMALL = ("--innodb-buffer-pool-size=256M", "--innodb-log-file-size=64M", "--innodb-flush-method=fsync")


class MariadbMissing(RuntimeError):
    """No mariadbd was found: apt-get install mariadb-server-core mariadb-client-core, or set JOBMON_TEST_MARIADB_URL."""


@dataclass(frozen=True, slots=True)
class Mariadb:
    """A server that answers; `url` names no database and its user may create some."""

    url: URL

    def database_url(self, name: str) -> str:
        """The SQLAlchemy URL, password included, of the database `name`."""
        return self.url.set(database=name).render_as_string(hide_password=False)

    def connect(self, database: str | None = None) -> pymysql.Connection[pymysql.cursors.Cursor]:
        """A plain autocommit connection for housekeeping; gives up a lock after 5 seconds."""
        return pymysql.connect(
            host=self.url.host or "127.0.0.1",
            port=self.url.port or 3306,
            user=self.url.username or "root",
            password=self.url.password or "",
            database=database,
            autocommit=True,
            init_command="SET lock_wait_timeout = 5, innodb_lock_wait_timeout = 5",
        )

    def execute(self, *statements: str) -> None:
        """Run housekeeping statements, each committed by itself."""
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def disconnect(self, database: str) -> None:
        """End the connections to a database, so that a transaction left open there blocks nobody."""
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", (database,))
            for (number,) in cursor.fetchall():
                with contextlib.suppress(pymysql.OperationalError):  # it has ended by itself meanwhile
                    cursor.execute("KILL %s", (number,))


@contextlib.contextmanager
def mariadb(*, on_disk: bool = False, options: Sequence[str] = SMALL) -> Iterator[Mariadb]:
    """The server to use; a throwaway one keeps its data in memory unless `on_disk`, and `options` follow deploy/mariadb.cnf."""
    if existing := os.environ.get("JOBMON_TEST_MARIADB_URL"):
        yield Mariadb(make_url(existing).set(database=None))
        return
    with throwaway(on_disk=on_disk, options=options) as server:
        yield server


@contextlib.contextmanager
def throwaway(*, on_disk: bool, options: Sequence[str]) -> Iterator[Mariadb]:
    """A fresh server on a free port of the loopback address; it is killed and its data deleted when the block ends."""
    server = find("mariadbd", "mysqld")
    install = find("mariadb-install-db", "mysql_install_db")
    memory = Path("/dev/shm")  # noqa: S108  # the kernel's directory; mkdtemp makes the name
    parent = memory if memory.is_dir() and not on_disk else None
    directory = Path(tempfile.mkdtemp(prefix="jobmon-mariadb-", dir=parent))
    try:
        make_datadir(install, directory)
        with serving(server, directory, options) as url:
            yield Mariadb(url)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def make_datadir(install: str, directory: Path) -> None:
    """Fill `directory`/data with an empty server whose root needs no password (only the loopback address is served)."""
    command = [
        install,
        "--no-defaults",
        f"--datadir={directory / 'data'}",
        f"--tmpdir={directory}",
        f"--user={run_as()}",
        "--skip-test-db",
        "--skip-name-resolve",
        "--auth-root-authentication-method=normal",
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)  # found on PATH
    if done.returncode:
        message = f"{install} failed:\n{done.stdout}\n{done.stderr}"
        raise RuntimeError(message)


def command_line(server: str, directory: Path, port: int, options: Sequence[str]) -> list[str]:
    """What runs `server` on the data directory with deploy/mariadb.cnf, for the loopback address alone."""
    configuration = importlib.resources.files("jobmon_deploy") / "mariadb.cnf"
    return [
        server,
        f"--defaults-file={configuration}",
        f"--datadir={directory / 'data'}",
        f"--socket={directory / 'socket'}",
        f"--pid-file={directory / 'pid'}",
        # Its own: a server that starts removes the temporary tables of every other that shares the directory.
        f"--tmpdir={directory}",
        f"--user={run_as()}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        *options,
    ]


@contextlib.contextmanager
def serving(server: str, directory: Path, options: Sequence[str]) -> Iterator[URL]:
    """Run `server` on the data directory until the block ends."""
    port = free_port()
    log = directory / "mariadbd.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command_line(server, directory, port, options),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        url = URL.create("mysql+pymysql", username="root", host="127.0.0.1", port=port)
        eventually(lambda: answers(process, url, log), START_TIMEOUT, what="mariadbd answers")
        yield url
    except BaseException:
        kill(process)
        raise
    end(process, timeout=15)


def answers(process: subprocess.Popen[bytes], url: URL, log: Path) -> bool:
    """Whether the server takes connections; RuntimeError with its log when it has ended."""
    if process.poll() is not None:
        message = f"mariadbd ended with {process.returncode}:\n{log.read_text(errors='replace')[-4000:]}"
        raise RuntimeError(message)
    try:
        Mariadb(url).execute("DO 0")
    except pymysql.OperationalError:
        return False
    return True


def find(*names: str) -> str:
    """The path of the first of these programs; MariadbMissing when there is none. Debian keeps servers out of users' PATH."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
    for name in names:
        if found := shutil.which(name, path=path):
            return found
    message = f"{names[0]}: {MariadbMissing.__doc__}"
    raise MariadbMissing(message)


def run_as() -> str:
    """The user of these tests; mariadbd wants root to be named in so many words."""
    return pwd.getpwuid(os.geteuid()).pw_name
