"""`jobmon-server bench`: on an empty database of its own, or on a server that runs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url

from jobmon_server.bench import bare, measurements
from jobmon_server.bench.caller import Caller
from jobmon_server.bench.figures import read_settings
from jobmon_server.bench.load import PREFIX
from jobmon_server.bench.machine import machine, versions
from jobmon_server.bench.own_server import serving
from jobmon_server.bench.target import empty_database
from jobmon_server.config import Settings
from jobmon_server.errors import ConfigurationError

SQLITE_SETTINGS = {"journal_mode": "wal", "synchronous": "full"}


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """How it is to be measured, and whom to tell what goes on."""

    clients: Sequence[int]
    seconds: float
    say: Callable[[str], None]


def on_database(asked: BenchOptions, url: str, flags: dict[str, Any]) -> dict[str, Any]:
    """Measure a server of this user's settings on an empty database, which is empty again afterwards."""
    with tempfile.TemporaryDirectory(prefix="jobmon-bench-") as directory:
        own = {"database_url": url, "data_dir": directory, "host": "127.0.0.1", "port": 0, "auth": False}
        settings = Settings.load(flags | own)
        name = measurements.name_of_now()
        is_sqlite = make_url(url).get_backend_name() == "sqlite"
        with empty_database(url, name), serving(settings) as (address, pid):
            about = about_it(
                {"workers": settings.workers, "threads": settings.threads},
                SQLITE_SETTINGS if is_sqlite else _mariadb(url),
            )
            session = measurements.Session(
                address,
                name,
                asked.clients,
                asked.seconds,
                asked.say,
                database_url="" if is_sqlite else url,
                pid=pid,
            )
            return about | {"figures": _measure(session)}


def on_server(asked: BenchOptions, url: str, token: str) -> dict[str, Any]:
    """Measure a server that runs by workflows of its own, which are deleted afterwards through the API."""
    address = _address(url)
    session = measurements.Session(
        address, measurements.name_of_now(), asked.clients, asked.seconds, asked.say, token
    )
    about = about_it({"url": address}, {"settings": "known to the server alone"})
    try:
        figures = _measure(session)
    finally:
        if left := measurements.finish(session):
            asked.say(f"the server still removes rows of workflows {', '.join(map(str, left))}")
    return about | {"figures": figures}


def _measure(session: measurements.Session) -> dict[str, Any]:
    """Measure; say in a sentence that there is no server, or no longer one."""
    try:
        with Caller(session.url, session.token) as wire:
            wire.get("/health")
        return measurements.measure(session)
    except (OSError, EOFError) as error:  # the end of a process of the driver
        raise ConfigurationError(
            f"{session.url} does not answer: {str(error) or 'connections fail'}."
        ) from error


def about_it(server: dict[str, Any], database: dict[str, Any]) -> dict[str, Any]:
    """Return what stands above the figures."""
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": machine(),
        "versions": versions(),
        "server": server,
        "database": database,
    }


def _address(url: str) -> str:
    """Return the address without what follows; the load is sent over plain sockets."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or parts.path.rstrip("/") not in {"", PREFIX}:
        raise ConfigurationError("server: must be http://HOST:PORT, the server itself and not a proxy.")
    return f"http://{parts.netloc}"


def _mariadb(url: str) -> dict[str, Any]:
    with closing(bare.connect(url)) as connection, connection.cursor() as cursor:
        return read_settings(cursor)
