"""What a measurement runs against: its own MariaDB with deploy/mariadb.cnf, and the real server."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.databases import MariadbSource, SqliteSource
from tests.support.mariadb import throwaway
from tests.support.server import LiveServer, serve

# What this machine may lack of the file's sizes: a direct disk and memory for itself.
OPTIONS = ("--innodb-flush-method=fsync",)
BACKENDS = ("mariadb", "sqlite")


@contextmanager
def stage(backend: str, *options: str) -> Iterator[LiveServer]:
    """A server on a fresh database of the backend, on disk; `options` are those of `jobmon-server serve`."""
    with tempfile.TemporaryDirectory(prefix="jobmon-bench-") as name:
        directory = Path(name)
        if backend == "sqlite":
            with SqliteSource(directory).empty() as url, serve(url, directory, *options) as server:
                yield server
            return
        with (
            throwaway(on_disk=True, options=OPTIONS) as mariadb,
            MariadbSource(mariadb).empty() as url,
            serve(url, directory, *options) as server,
        ):
            yield server
