"""One, four and sixteen distributors claim what waits for one cluster."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

from bench.support.bench import Bench, interleaved
from bench.support.rows import fill
from jobmon_client.states import TaskInstanceStatus
from jobmon_server.bench.figures import measured
from jobmon_server.bench.load import drive
from jobmon_server.bench.requests import claim

LIMIT = 100
SPARE = 5
"""One call in so many more: a claim that passes over what others hold gets less than it asked for."""
CLAIMED = "SELECT COUNT(*) FROM task_instance WHERE tended_cluster = %s"


def measure(bench: Bench) -> dict[str, Any]:
    """Measure them in turns; each turn has a cluster of its own."""
    numbers = count(1)
    with bench.database() as url, bench.connect(url) as connection, bench.server(url) as server:

        def claims(distributors: int) -> dict[str, Any]:
            cluster = f"cluster-{next(numbers)}"
            fill(connection, bench.scale.claimed, TaskInstanceStatus.QUEUED, cluster=cluster)
            calls = bench.scale.claimed // LIMIT
            scripts = [
                (claim(f"distributor-{number}", cluster, LIMIT),) for number in range(calls + calls // SPARE)
            ]
            meter = bench.meter(server=server.process.pid)
            load = drive(server.url, scripts, distributors, token=server.token)
            with connection.cursor() as cursor:
                cursor.execute(CLAIMED, (cluster,))
                ((claimed,),) = cursor.fetchall()
            left = bench.scale.claimed - claimed
            return {**measured(load, meter, rows=claimed), "left": left}

        subjects: dict[str, Callable[[], dict[str, Any]]] = {
            f"distributors_{number}": partial(claims, number) for number in (1, 4, 16)
        }
        claims(1)
        return interleaved(subjects, bench.repetitions)
