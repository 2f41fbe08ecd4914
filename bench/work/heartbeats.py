"""Signs of life: one a call, and many a call."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from bench.support.bench import Bench, interleaved
from bench.support.rows import fill
from jobmon_client.states import TaskInstanceStatus
from jobmon_server.bench.figures import measured
from jobmon_server.bench.load import drive
from jobmon_server.bench.numbers import dig, exponent
from jobmon_server.bench.requests import heartbeat, heartbeats


def measure(bench: Bench) -> dict[str, Any]:
    """Measure single ones with 1 and 8 clients, then calls of each size, in turns."""
    sizes = bench.scale.heartbeat_sizes
    with bench.database() as url, bench.connect(url) as connection, bench.server(url) as server:
        block = fill(connection, max(sizes), TaskInstanceStatus.RUNNING)
        singles = [(heartbeat(one),) for one in block.ids] * 2

        def single(clients: int) -> dict[str, Any]:
            meter = bench.meter(server=server.process.pid)
            return measured(
                drive(server.url, singles, clients, seconds=bench.scale.seconds, token=server.token), meter
            )

        def batch(size: int) -> dict[str, Any]:
            with bench.rows_counted() as read:
                load = drive(server.url, [(heartbeats(block.ids[:size]),)], token=server.token)
            return {**measured(load, rows=load.requests * size), "rows_read_for_one": read[0] / size}

        batch(sizes[0])
        subjects: dict[str, Callable[[], dict[str, Any]]] = {
            f"single_{clients}": partial(single, clients) for clients in (1, 8)
        }
        subjects |= {f"batch_{size}": partial(batch, size) for size in sizes}
        found: dict[str, Any] = interleaved(subjects, bench.repetitions)
    seconds = {size: dig(found, f"batch_{size}", "milliseconds", "batch", "p50", "median") for size in sizes}
    return {**found, "exponents": {"heartbeats": exponent(seconds)}, "curves": {"heartbeats": seconds}}
