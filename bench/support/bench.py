"""What all measurements share: one MariaDB of their own, databases and servers on it, how large everything is."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pymysql
from pymysql.cursors import Cursor
from sqlalchemy.engine import make_url

from jobmon_server.bench.figures import read_settings
from jobmon_server.bench.machine import Meter, family
from jobmon_server.bench.numbers import spread
from jobmon_server.config import Settings
from tests.support.databases import MariadbSource, make_schema
from tests.support.mariadb import Mariadb, mariadb
from tests.support.server import LiveServer, serve

T = TypeVar("T")

#: What a machine that also runs the load may lack of the file's sizes: a direct disk.
OPTIONS = ("--innodb-flush-method=fsync", "--innodb-buffer-pool-size=2G")


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything."""

    name: str
    repetitions: int
    seconds: float
    clients: Sequence[int]
    report_sizes: Sequence[int]
    rows: int
    heartbeat_sizes: Sequence[int]
    life_sizes: Sequence[int]
    table_sizes: Sequence[int]
    calls: int
    claimed: int
    storm: int
    tasks: Sequence[int]
    layers: Sequence[int]
    trace_tasks: int


FULL = Scale(
    name="full",
    repetitions=5,
    seconds=4.0,
    clients=(1, 8, 32, 128),
    report_sizes=(10, 100, 1_000, 10_000),
    rows=20_000,
    heartbeat_sizes=(1_000, 10_000, 50_000),
    life_sizes=(1_000, 10_000, 50_000, 100_000),
    table_sizes=(10_000, 100_000, 1_000_000),
    calls=500,
    claimed=10_000,
    storm=10_000,
    tasks=(20, 1_000, 10_000),
    layers=(10_000, 100_000),
    trace_tasks=5_000,
)
QUICK = Scale(
    name="quick",
    repetitions=3,
    seconds=1.0,
    clients=(1, 8, 32, 128),
    report_sizes=(10, 100, 1_000),
    rows=8_000,
    heartbeat_sizes=(1_000, 10_000),
    life_sizes=(1_000, 10_000),
    table_sizes=(10_000, 100_000),
    calls=200,
    claimed=4_000,
    storm=1_000,
    tasks=(20, 200),
    layers=(2_000, 8_000),
    trace_tasks=250,
)
TINY = Scale(
    name="tiny",
    repetitions=1,
    seconds=0.2,
    clients=(1, 8),
    report_sizes=(10, 100),
    rows=400,
    heartbeat_sizes=(100, 200),
    life_sizes=(50, 100),
    table_sizes=(1_000, 2_000),
    calls=10,
    claimed=200,
    storm=20,
    tasks=(3,),
    layers=(200, 400),
    trace_tasks=0,
)
SCALES = {scale.name: scale for scale in (FULL, QUICK, TINY)}


@dataclass(slots=True)
class Bench:
    """One run of the bench."""

    mariadb: Mariadb
    mariadb_pid: int | None
    directory: Path
    scale: Scale
    repetitions: int
    traces: Path | None = None
    with_peers: bool = True
    stack: ExitStack = field(default_factory=ExitStack)
    _source: MariadbSource = field(init=False)
    _kept: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._source = MariadbSource(self.mariadb)

    @contextmanager
    def database(self) -> Iterator[str]:
        """A database with the server's schema, gone after the block."""
        with self._source.empty() as url:
            make_schema(url)
            yield url

    @contextmanager
    def free_name(self) -> Iterator[str]:
        """The URL of a database that is not there yet; it is gone after the block, whoever made it."""
        with self._source.empty() as url:
            self.mariadb.execute(f"DROP DATABASE `{make_url(url).database}`")
            yield url
            self.mariadb.execute(f"CREATE DATABASE IF NOT EXISTS `{make_url(url).database}`")

    @contextmanager
    def connect(self, url: str) -> Iterator[pymysql.Connection[Cursor]]:
        """A plain autocommit connection to a database."""
        with contextlib.closing(self.mariadb.connect(make_url(url).database)) as connection:
            yield connection

    @contextmanager
    def server(self, url: str, *options: str) -> Iterator[LiveServer]:
        """The real server with its production settings."""
        with serve(url, self.directory, "--log-level", "warning", *options) as server:
            yield server

    def kept(self, key: Any, make: Callable[[], T]) -> T:
        """Return what was made under this key, making it once in this run."""
        if key not in self._kept:
            self._kept[key] = make()
        found: T = self._kept[key]
        return found

    def meter(self, **processes: int) -> Meter:
        """Measure the CPU of MariaDB and of these processes with their children."""
        groups = {name: family(pid) for name, pid in processes.items()}
        return Meter(groups if self.mariadb_pid is None else {**groups, "mariadb": [self.mariadb_pid]})

    def rows_read(self) -> int:
        """Return how many rows MariaDB has read so far: a scan shows there, whatever the machine does meanwhile."""
        with contextlib.closing(self.mariadb.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Handler_read%'")
            return sum(int(value) for _, value in cursor.fetchall())

    @contextmanager
    def rows_counted(self) -> Iterator[list[int]]:
        """Append, after the block, how many rows were read in it; what the question itself reads is left out."""
        first = self.rows_read()
        second = self.rows_read()
        found: list[int] = []
        yield found
        found.append(max(0, self.rows_read() - second - (second - first)))

    def settings(self) -> dict[str, Any]:
        """Return what MariaDB says of itself."""
        with contextlib.closing(self.mariadb.connect()) as connection, connection.cursor() as cursor:
            return read_settings(cursor)


def server_settings() -> dict[str, Any]:
    """Return how `jobmon-server serve` serves on this machine when nothing is said."""
    settings = Settings(database_url="mysql+pymysql://").completed(Path())
    return {
        "server": "gunicorn with uvicorn",
        "workers": settings.workers,
        "threads": settings.threads,
        "reaper_period": settings.reaper_period,
    }


@contextmanager
def bench(scale: Scale, directory: Path, repetitions: int | None = None, **options: Any) -> Iterator[Bench]:
    """Start a MariaDB with deploy/mariadb.cnf on disk, or use that of JOBMON_TEST_MARIADB_URL; all ends with the block."""
    with mariadb(on_disk=True, options=OPTIONS) as server, ExitStack() as stack:
        pid = _pid(server)
        yield Bench(server, pid, directory, scale, repetitions or scale.repetitions, stack=stack, **options)


def _pid(server: Mariadb) -> int | None:
    """Return the process id of a MariaDB; None when it is not of this machine, or not ours to look at."""
    with contextlib.closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@pid_file")
        ((pid_file,),) = cursor.fetchall()
    try:
        return int(Path(pid_file).read_text())
    except OSError:
        return None


def say(line: str) -> None:
    """Tell the user what goes on; the report goes elsewhere."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stderr.flush()


def interleaved(
    subjects: Mapping[str, Callable[[], dict[str, Any]]], repetitions: int
) -> dict[str, dict[str, Any]]:
    """Measure A, B, C, A, B, C, …: whatever the machine does meanwhile, it does to all of them."""
    seen: dict[str, list[dict[str, Any]]] = {name: [] for name in subjects}
    for number in range(repetitions):
        for name, subject in subjects.items():
            seen[name].append(subject())
            rate = seen[name][-1].get("per_second")
            say(f"  {number + 1}/{repetitions} {name}: {rate} a second")
    return {name: summary(found) for name, found in seen.items()}


def summary(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Put the repetitions of one subject together: each number a spread, errors summed."""
    made: dict[str, Any] = {}
    for name, value in found[0].items():
        values = [one.get(name) for one in found]
        if isinstance(value, dict):
            made[name] = summary([one for one in values if isinstance(one, dict)])
        elif name in {"errors", "requests"}:
            made[name] = sum(one or 0 for one in values)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            made[name] = spread([one for one in values if one is not None])
        else:
            made[name] = next((one for one in values if one), value)
    late = [one["first_error"] for one in found if one.get("first_error")]
    return {**made, **({"first_error": late[0]} if late else {})}
