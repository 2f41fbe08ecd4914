"""Workflows of growing size: bound, queued, claimed, launched, in calls as large as the client makes them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from bench.support.bench import Bench, say
from bench.support.machine import family, memory_mib
from bench.support.numbers import exponent, significant, spread
from bench.support.said import LONG
from bench.support.wire import Wire

CALL = 10_000
"""Instances a call. All tasks are bound in one: that is what `jobmon run` does."""
STEPS = ("bind", "queue", "claim", "launch")


def measure(bench: Bench) -> dict[str, Any]:
    """Take workflows of each size to LAUNCHED, sizes in turns; the server's memory is looked at after each."""
    sizes = bench.scale.life_sizes
    seconds: dict[int, dict[str, list[float]]] = {size: defaultdict(list) for size in sizes}
    memory: dict[int, float] = {}
    with bench.database() as url, bench.server(url) as server, Wire(server.url) as wire:
        life(wire, sizes[0])
        for number in range(bench.repetitions):
            for size in sizes:
                for step, taken in life(wire, size)[0].items():
                    seconds[size][step].append(taken)
                peaks = [memory_mib(pid).get("peak", 0.0) for pid in family(server.process.pid)]
                memory[size] = max(memory.get(size, 0.0), *peaks)
                shown = {step: round(size / values[-1]) for step, values in seconds[size].items()}
                say(f"  {number + 1}/{bench.repetitions} {size} tasks, rows a second: {shown}")
    curves = {step: {size: spread(seconds[size][step])["median"] for size in sizes} for step in STEPS}
    return {
        **{
            f"{step}_{size}": {
                "seconds": spread(seconds[size][step]),
                "per_second": spread([size / one for one in seconds[size][step]]),
            }
            for step in STEPS
            for size in sizes
        },
        "largest_server_process_mib": memory,
        "exponents": {step: exponent(curve) for step, curve in curves.items()},
        "curves": curves,
    }


def life(wire: Wire, size: int) -> tuple[dict[str, float], list[int]]:
    """Take one workflow to LAUNCHED; seconds of each step, the calls alone, and the ids of its instances."""
    taken: dict[str, float] = defaultdict(float)

    def post(step: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        reply = wire.post(path, body)
        taken[step] += wire.seconds
        return reply

    workflow_id = wire.post("/workflow", {"name": "life"})["workflow_id"]
    cluster = f"life-{workflow_id}"
    tasks = [
        {"name": f"task-{number}", "command": f"echo {number}", "cluster": cluster} for number in range(size)
    ]
    post("bind", f"/workflow/{workflow_id}/tasks", {"tasks": tasks})
    run = wire.post(f"/workflow/{workflow_id}/workflow_run", {"next_report_increment": LONG})
    queued = 0
    while queued < size:
        batches = post("queue", f"/workflow_run/{run['workflow_run_id']}/queue_tasks", {"limit": CALL})[
            "batches"
        ]
        assert batches, (queued, size)
        queued += sum(len(one["task_instance_ids"]) for one in batches)
    claimed: list[dict[str, Any]] = []
    while sum(len(one["task_instances"]) for one in claimed) < size:
        body = {"distributor": "bench", "cluster": cluster, "limit": CALL, "next_report_increment": LONG}
        claimed += post("claim", "/task_instance/instantiate_task_instances", body)["batches"]
    for batch in claimed:
        steps = [one["array_step_id"] for one in batch["task_instances"]]
        body = {"distributor_ids": {str(one): f"job-{one}" for one in steps}, "next_report_increment": LONG}
        reply = post("launch", f"/array/{batch['array_id']}/batch/{batch['batch_num']}/log_launched", body)
        assert reply["applied"] == len(steps), reply["outcomes"][:3]
    ids = [one["task_instance_id"] for batch in claimed for one in batch["task_instances"]]
    return {step: significant(value) for step, value in taken.items()}, ids
