"""What a server costs before anybody asks: its start, its memory; and what a report leaves behind."""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from bench.support.bench import Bench, interleaved, server_settings
from bench.support.memory import memory_mib
from bench.support.rows import analyze, fill
from jobmon_client.states import TaskInstanceStatus
from jobmon_server.bench.load import drive
from jobmon_server.bench.machine import cpu_seconds, family
from jobmon_server.bench.requests import lives, reports
from tests.support.processes import end, free_port
from tests.support.server import environment
from tests.support.waiting import eventually

POLL = 0.005
PIECE = 500
SPACE = "SELECT TABLE_ROWS, DATA_LENGTH, INDEX_LENGTH FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s"


def start(directory: Path, url: str) -> dict[str, Any]:
    """Start a server on a database; seconds until its first reply."""
    port = free_port()
    command = [sys.executable, "-m", "jobmon_server", "serve", "--port", str(port), "--database-url", url]
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        env=environment(XDG_DATA_HOME=str(directory / "data")),
        start_new_session=True,
    )
    try:
        pause = threading.Event()
        while not _answers(port):
            assert process.poll() is None, "the server ended"
            pause.wait(POLL)
        return {"seconds": time.perf_counter() - began}
    finally:
        end(process, timeout=20)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def measure_start(bench: Bench) -> dict[str, Any]:
    """Time starts on MariaDB and on SQLite, each with its schema made."""
    with bench.database() as url:
        lite = f"sqlite:///{bench.directory / 'start.db'}"
        start(bench.directory, lite)
        return interleaved(
            {
                "mariadb": lambda: start(bench.directory, url),
                "sqlite": lambda: start(bench.directory, lite),
                "sqlite_empty": lambda: start(bench.directory, f"{lite}.{time.monotonic_ns()}"),
            },
            bench.repetitions,
        )


def measure_memory(bench: Bench) -> dict[str, Any]:
    """Look at every process of a server after its start, and after reports from eight clients."""
    with bench.database() as url, bench.connect(url) as connection, bench.server(url) as server:
        processes = int(server_settings()["workers"]) + 1
        pid = server.process.pid
        eventually(lambda: len(family(pid)) == processes and _is_up(pid), 20, what="all workers have started")
        idle = _memory(pid)
        block = fill(connection, max(64, int(2_000 * bench.scale.seconds)), TaskInstanceStatus.LAUNCHED)
        drive(server.url, lives(block.ids), 8, seconds=bench.scale.seconds, token=server.token)
        busy = _memory(server.process.pid)
    return {"settings": server_settings(), "after_start": idle, "after_reports": busy}


def _is_up(pid: int) -> bool:
    """Whether the processes of a server have come to rest: none uses CPU while one looks."""
    before = cpu_seconds(family(pid))
    threading.Event().wait(0.5)
    return cpu_seconds(family(pid)) - before < 0.05


def _memory(pid: int) -> dict[str, Any]:
    found = [memory_mib(one) for one in family(pid)]
    workers = found[1:] or found
    return {
        "arbiter_mib": found[0],
        "workers_mib": workers,
        "largest_process_rss_mib": max(one.get("rss", 0.0) for one in found),
        "all_pss_mib": round(sum(one.get("pss", 0.0) for one in found), 1),
    }


def measure_journal(bench: Bench) -> dict[str, Any]:
    """Apply reports and see by how much the tables and MariaDB's log grow."""
    count = max(PIECE, bench.scale.storm)
    with bench.database() as url, bench.connect(url) as connection, bench.server(url) as server:
        block = fill(connection, count, TaskInstanceStatus.LAUNCHED)
        analyze(connection)
        before = {name: _space(connection, name) for name in ("journal", "task_instance", "task")}
        log = _log_position(connection)
        load = drive(server.url, [reports(piece) for piece in block.pieces(PIECE)], 1, token=server.token)
        assert not load.errors, load.first_error
        written = _log_position(connection) - log
        analyze(connection)
        after = {name: _space(connection, name) for name in before}
    grown = {
        f"{name}_bytes_per_report": round((after[name] - before[name]) / (2 * count), 1) for name in before
    }
    return {"reports": 2 * count, **grown, "log_bytes_per_report": round(written / (2 * count), 1)}


def _space(connection: Any, table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(SPACE, (table,))
        ((_, data, index),) = cursor.fetchall()
    return int(data) + int(index)


def _log_position(connection: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_lsn_current'")
        ((_, position),) = cursor.fetchall()
    return int(position)
