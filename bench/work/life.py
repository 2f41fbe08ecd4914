"""Workflows of growing size: bound, queued, claimed, launched, in calls as large as the client makes them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from bench.support.bench import Bench, say
from bench.support.memory import memory_mib
from jobmon_server.bench.caller import Caller
from jobmon_server.bench.machine import family
from jobmon_server.bench.numbers import exponent, significant, spread
from jobmon_server.bench.workflow_life import STEPS, Life


def measure(bench: Bench) -> dict[str, Any]:
    """Take workflows of each size to LAUNCHED, sizes in turns; the server's memory is looked at after each."""
    sizes = bench.scale.life_sizes
    seconds: dict[int, dict[str, list[float]]] = {size: defaultdict(list) for size in sizes}
    memory: dict[int, float] = {}
    with bench.database() as url, bench.server(url) as server, Caller(server.url, server.token) as wire:
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


def life(wire: Caller, size: int) -> tuple[dict[str, float], list[int]]:
    """Take one workflow to LAUNCHED; seconds of each step, the calls alone, and the ids of its instances."""
    made = Life(wire, size)
    made.queue(wire)
    made.launch(wire)
    return {step: significant(value) for step, value in made.seconds.items()}, made.ids
