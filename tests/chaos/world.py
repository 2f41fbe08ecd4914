"""Everything that a workflow needs, as real processes: MariaDB, server, distributor, client; proxies between them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
from sqlalchemy.engine import URL

from jobmon_client.api.client import Api
from jobmon_client.http import Http
from jobmon_client.states import LostContact
from tests.chaos.proxy import Proxy
from tests.chaos.service import Service, lasting_port, spawn
from tests.support.mariadb import SMALL, Mariadb, command_line, find, make_datadir
from tests.support.processes import kill
from tests.support.server import environment
from tests.support.waiting import eventually

MARK = "CHAOS_WORLD"
"""The variable that everything a world starts, and what that starts, has in its environment."""
START_TIMEOUT = 60.0
DISTRIBUTORS = 2
"""While one is cut off, the other takes what was given up."""
HEARTBEAT_INTERVAL, REPORT_BY_FACTOR, KILL_GRACE = 0.6, 3.1, 1.0
INCREMENT = HEARTBEAT_INTERVAL * REPORT_BY_FACTOR
"""Seconds after a sign of life within which the next is due."""
CLIENT = {
    "JOBMON_HEARTBEAT_INTERVAL": str(HEARTBEAT_INTERVAL),
    "JOBMON_REPORT_BY_FACTOR": str(REPORT_BY_FACTOR),
    "JOBMON_REQUEST_TIMEOUT": "3",
    "JOBMON_KILL_GRACE": str(KILL_GRACE),
    "JOBMON_LOG_LEVEL": "info",
}
# Clients reach it through a proxy, by whose URL no local token is found.
SERVER = {"JOBMON_REAPER_PERIOD": "0.3", "JOBMON_LEASE": "2", "JOBMON_AUTH": "none"}


class Store:
    """A MariaDB on disk that is restarted on the same data when it dies; shared by the worlds of one invocation."""

    def __init__(self, directory: Path) -> None:
        self.port = lasting_port()
        make_datadir(find("mariadb-install-db", "mysql_install_db"), directory)
        command = command_line(find("mariadbd", "mysqld"), directory, self.port, SMALL)
        self.service = Service("mariadbd", command, environment(), directory)
        self._server = Mariadb(URL.create("mysql+pymysql", username="root", host="127.0.0.1", port=self.port))
        eventually(self.answers, START_TIMEOUT, what="mariadbd answers")

    @property
    def server(self) -> Mariadb:
        """The server, spoken to directly."""
        return self._server

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            self._server.execute("DO 0")
        except pymysql.OperationalError:
            return False
        return True

    def create(self, name: str) -> None:
        """Make an empty database."""
        eventually(self.answers, START_TIMEOUT, what="mariadbd answers")
        self._server.execute(f"CREATE DATABASE `{name}`")


@contextlib.contextmanager
def store() -> Iterator[Store]:
    """A store until the block ends; its data goes with it."""
    directory = Path(tempfile.mkdtemp(prefix="jobmon-chaos-mariadb-"))
    try:
        made = Store(directory)
        try:
            yield made
        finally:
            made.service.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class World:
    """One run's server, distributors and client; their logs, and what their commands write, are in `home`."""

    def __init__(self, store: Store, home: Path, lost_contact: LostContact) -> None:
        self.store = store
        self.home = home
        self.token = uuid.uuid4().hex
        self.database = f"chaos_{self.token}"
        store.create(self.database)
        server_port = lasting_port()
        self.sql = Proxy(store.port)
        self.http = tuple(Proxy(server_port) for _ in range(DISTRIBUTORS + 1))
        """Of each distributor and its agent; of the client and its own."""
        self.api = Api(Http(f"http://127.0.0.1:{server_port}", timeout=3, budget=0))
        self.client: subprocess.Popen[bytes] | None = None
        through_proxy = store.server.url.set(port=self.sql.port, database=self.database)
        self.server = Service(
            "server",
            [
                *(sys.executable, "-m", "jobmon_server", "serve"),
                *("--port", str(server_port), "--workers", "2"),
            ],
            self.environment(
                JOBMON_DATABASE_URL=through_proxy.render_as_string(),
                JOBMON_LOST_CONTACT=lost_contact,
                **SERVER,
            ),
            home,
        )
        self.distributors = [self._distributor(number) for number in range(DISTRIBUTORS)]

    def environment(self, **settings: str) -> dict[str, str]:
        """Settings of ours, a home of its own, and the mark."""
        return environment(HOME=str(self.home), XDG_DATA_HOME=str(self.home), **settings) | {MARK: self.token}

    def _distributor(self, number: int) -> Service:
        command = self.jobmon(number, "distributor", "--cluster", "local", "--concurrency", 4)
        return Service(f"distributor-{number}", command, self.environment(**CLIENT), self.home)

    def jobmon(self, node: int, *arguments: object) -> list[str]:
        """The command line on a node, spoken through its proxy.

        Each has a name of its own, as if it were a machine: else one that is in touch sees what one that is not runs.
        """
        program = f"import socket; socket.gethostname = lambda: 'node-{node}'; from jobmon_client.cli import main; main()"
        return [
            *(sys.executable, "-c", program, *map(str, arguments)),
            *("--server", f"http://127.0.0.1:{self.http[node].port}"),
        ]

    def start_client(self, *arguments: object) -> None:
        """Start `jobmon run` or `jobmon resume`."""
        command = self.jobmon(DISTRIBUTORS, *arguments, "--concurrency", 4, "--json")
        self.client = spawn(command, self.environment(**CLIENT), self.home, self.home / "client.log")

    def kill_client(self) -> bool:
        """SIGKILL; return whether it lived."""
        if self.client is None or self.client.poll() is not None:
            return False
        kill(self.client)
        return True

    def kill_agent(self, choice: float) -> bool:
        """SIGKILL to one of the agents that live, without its commands; return whether there was one."""
        agents = sorted(self.agents())
        if not agents:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(agents[int(choice * len(agents))], signal.SIGKILL)
        return True

    def agents(self) -> Iterator[int]:
        """The pids of the local cluster's agents."""
        for pid in self.processes():
            with contextlib.suppress(OSError):
                if b"\0jobmon_client.worker\0agent\0" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    yield pid

    def processes(self) -> Iterator[int]:
        """The pids of all that belongs to this world and is no zombie."""
        mark = f"{MARK}={self.token}".encode()
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdecimal() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    yield int(entry.name)

    def check(self) -> subprocess.CompletedProcess[str]:
        """`jobmon-server db check`, on the database itself."""
        return subprocess.run(
            [sys.executable, "-m", "jobmon_server", "db", "check"],
            env=self.environment(JOBMON_DATABASE_URL=self.store.server.database_url(self.database)),
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def finish(self) -> list[str]:
        """End what was started as its user would; return what is left all the same after a while, having killed it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            if self.client is not None:
                self.client.wait(20)
        for distributor in self.distributors:
            distributor.stop(30)
        with contextlib.suppress(AssertionError):
            eventually(lambda: not set(self.processes()) - group(self.server.pid), 15)
        self.server.stop(30)
        with contextlib.suppress(AssertionError):
            eventually(lambda: not list(self.processes()), 5)
        return self.close()

    def close(self) -> list[str]:
        """Kill everything and let go; return the command lines of what there was to be killed."""
        left = []
        self.kill_client()
        for service in (*self.distributors, self.server):
            service.stop(0)
        for pid in self.processes():
            with contextlib.suppress(OSError):
                left.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
                os.kill(pid, signal.SIGKILL)
        for proxy in (*self.http, self.sql):
            proxy.close()
        self.api.close()
        return left

    def drop(self) -> None:
        """Drop the database."""
        self.store.server.disconnect(self.database)
        self.store.server.execute(f"DROP DATABASE `{self.database}`")

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What the database itself says, read only."""
        with (
            contextlib.closing(self.store.server.connect(self.database)) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement, values)
            return list(cursor.fetchall())


def group(leader: int) -> set[int]:
    """The pids of a process and its children."""
    try:
        children = Path(f"/proc/{leader}/task/{leader}/children").read_text().split()
    except OSError:
        return {leader}
    return {leader, *map(int, children)}
