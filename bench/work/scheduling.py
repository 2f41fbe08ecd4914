"""Does the cost of scheduling follow what finished, or the size of the workflow?

Workflows of the same width and different depth are run from bind to DONE, layer by layer, by one caller that plays all parts. Each
task waits for ten tasks of the layer above. Timed is what schedules: the queue call of each layer, which passes the DONE of the layer
above on and finds what became ready. If its cost followed the size of the workflow, the deep workflow's layers would cost more than the
shallow one's, and its last layers more than its first.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.support.bench import Bench
from jobmon_client.api.client import Api
from jobmon_client.http import Http

BIND = 2_000
"""Tasks bound in a call."""
CALL = 10_000
"""Instances in a call."""
LONG = 3_600.0
"""Seconds of every promise: nothing here is about deadlines."""
ME = "bench"
WIDTH = 1_000
"""Tasks of a layer, at most."""
EDGES = 10
"""Tasks of the layer above that each task waits for."""


@dataclass
class Timings:
    """Seconds of the calls of one workflow; `queue` has one entry a layer."""

    tasks: int
    edges: int
    bind: float = 0.0
    queue: list[float] = field(default_factory=list)
    claim: float = 0.0
    reports: float = 0.0
    idle: list[float] = field(default_factory=list)


def measure(bench: Bench) -> dict[str, Any]:
    """Run both workflows in one database: what their layers cost, and the ratios."""
    small_size, large_size = bench.scale.layers
    width = min(WIDTH, small_size // 10)
    with (
        bench.database() as url,
        bench.server(url) as server,
        Api(Http(server.url, budget=600, timeout=300)) as api,
    ):
        run(api, width * 2, width, EDGES)  # the first calls of a server are slower
        small = run(api, small_size, width, EDGES)
        large = run(api, large_size, width, EDGES)
    return {**summary(small, large), "raw": {"small": asdict(small), "large": asdict(large)}}


def layers(tasks: int, width: int, edges: int) -> Iterator[list[dict[str, Any]]]:
    """Tasks for `bind`; each of a later layer waits for `edges` neighbours of the layer above."""
    for layer in range(tasks // width):
        yield [
            {
                "name": f"{layer}-{number}",
                "command": "true",
                "upstream": [f"{layer - 1}-{(number + edge) % width}" for edge in range(edges)]
                if layer
                else [],
            }
            for number in range(width)
        ]


def run(api: Api, tasks: int, width: int, edges: int) -> Timings:
    """Bind a workflow and take it to DONE."""
    depth = tasks // width
    timings = Timings(width * depth, width * (depth - 1) * edges)
    workflow_id = api.bind_workflow("scheduling")["workflow_id"]
    for layer in layers(tasks, width, edges):
        began = time.perf_counter()
        for start in range(0, width, BIND):
            api.bind_tasks(workflow_id, layer[start : start + BIND])
        timings.bind += time.perf_counter() - began
    run_id = api.start_run(workflow_id, next_report_increment=LONG).body["workflow_run_id"]
    for _ in range(depth):
        finish_layer(api, run_id, width, timings)
    status = api.workflow(workflow_id)["status"]
    assert status == "DONE", status
    return timings


def finish_layer(api: Api, run_id: int, width: int, timings: Timings) -> None:
    """Queue what is ready, claim it, run it to DONE; ask once for more where there is none."""
    began = time.perf_counter()
    batches = api.queue_tasks(run_id, limit=CALL)
    timings.queue.append(time.perf_counter() - began)
    ids = [one for batch in batches for one in batch["task_instance_ids"]]
    assert len(ids) == width, (len(ids), width)
    began = time.perf_counter()
    assert not api.queue_tasks(run_id, limit=CALL)
    timings.idle.append(time.perf_counter() - began)
    began = time.perf_counter()
    for start in range(0, width, CALL):
        api.instantiate("bench", ids[start : start + CALL], next_report_increment=LONG)
    timings.claim += time.perf_counter() - began
    began = time.perf_counter()
    for start in range(0, width, CALL):
        some = ids[start : start + CALL]
        running = {"report": "log_running", "worker_id": ME, "nodename": "n", "process_group_id": 1}
        send(api, [running | {"task_instance_id": one, "next_report_increment": LONG} for one in some])
        send(api, [{"report": "log_done", "worker_id": ME, "task_instance_id": one} for one in some])
    timings.reports += time.perf_counter() - began


def send(api: Api, reports: list[dict[str, Any]]) -> None:
    """Report; all must be applied."""
    reply = api.reports(reports)
    assert reply.applied == len(reports), reply.outcomes[:3]


def summary(small: Timings, large: Timings) -> dict[str, Any]:
    """The ratios and what they are made of. The first layer is not among them: it has no edges."""
    rows = {name: figures(one) for name, one in (("small", small), ("large", large))}
    late = statistics.median(large.queue[-10:]) / statistics.median(large.queue[1:11])
    return {
        "queue_of_a_layer_large_vs_small": round(rows["large"]["queue_ms"] / rows["small"]["queue_ms"], 2),
        "queue_of_a_layer_last_ten_vs_first_ten": round(late, 2),
        "nothing_to_queue_large_vs_small": round(rows["large"]["idle_ms"] / rows["small"]["idle_ms"], 2),
        **rows,
    }


def figures(one: Timings) -> dict[str, float]:
    """Medians a layer in milliseconds, rates a second."""
    return {
        "tasks": one.tasks,
        "edges": one.edges,
        "queue_ms": round(statistics.median(one.queue[1:]) * 1_000, 1),
        "idle_ms": round(statistics.median(one.idle) * 1_000, 2),
        "bound_tasks_a_second": round(one.tasks / one.bind),
        "bound_edges_a_second": round(one.edges / one.bind),
        "claimed_a_second": round(one.tasks / one.claim),
        "reports_a_second": round(2 * one.tasks / one.reports),
    }
