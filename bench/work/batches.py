"""`/reports`: many reports in a call, beside bare PyMySQL in 100-row transactions on as many connections."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import Any

import pymysql
from pymysql.cursors import Cursor

from bench.support.bench import Bench, interleaved
from bench.support.rows import fill
from jobmon_client.states import TaskInstanceStatus
from jobmon_server.bench import bare
from jobmon_server.bench.figures import measured
from jobmon_server.bench.load import drive
from jobmon_server.bench.numbers import dig, exponent
from jobmon_server.bench.requests import reports
from tests.support.server import LiveServer

MOST_CALLS = 40
BARE_ROWS = 20_000
"""Rows made for each second of a bare connection."""


def ours(
    bench: Bench, server: LiveServer, connection: pymysql.Connection[Cursor], size: int, clients: int
) -> dict[str, Any]:
    """Calls of this size from so many clients; each figure a second is of reports."""
    calls = max(clients, min(MOST_CALLS * clients, bench.scale.rows // size))
    block = fill(connection, calls * size, TaskInstanceStatus.LAUNCHED)
    scripts = [reports(piece) for piece in block.pieces(size)]
    meter = bench.meter(server=server.process.pid)
    load = drive(server.url, scripts, clients, token=server.token)
    return measured(load, meter, rows=load.requests * size)


def alone(bench: Bench, url: str, connection: pymysql.Connection[Cursor], connections: int) -> dict[str, Any]:
    """The same rows without a server."""
    seconds = bench.scale.seconds
    block = fill(connection, int(BARE_ROWS * seconds), TaskInstanceStatus.LAUNCHED)
    meter = bench.meter()
    return measured(bare.move(url, bare.HUNDRED, block.ids, connections, seconds), meter)


def measure(bench: Bench) -> dict[str, Any]:
    """Measure each size with one client, the largest but one also with eight."""
    with ExitStack() as stack:
        url = stack.enter_context(bench.database())
        connection = stack.enter_context(bench.connect(url))
        server = stack.enter_context(bench.server(url))
        subjects = {
            f"bare_hundred_{connections}": partial(alone, bench, url, connection, connections)
            for connections in (1, 8)
        }
        sizes = bench.scale.report_sizes
        for size in sizes:
            subjects[f"reports_{size}_by_1"] = partial(ours, bench, server, connection, size, 1)
        usual = 1_000 if 1_000 in sizes else sizes[-1]
        subjects[f"reports_{usual}_by_8"] = partial(ours, bench, server, connection, usual, 8)
        found: dict[str, Any] = interleaved(subjects, bench.repetitions)
    seconds = {
        size: dig(found, f"reports_{size}_by_1", "milliseconds", "running", "p50", "median") for size in sizes
    }
    return {**found, "exponents": {"reports": exponent(seconds)}, "curves": {"reports": seconds}}
