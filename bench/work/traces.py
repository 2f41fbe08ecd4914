"""Recorded workflows of others: their tasks take no time here, so what is left is the cost of running their graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.support.bench import Bench, interleaved, say
from bench.work.local import run


def measure(bench: Bench) -> dict[str, Any]:
    """Run every trace of the folder that `--traces` names, the largest left out where the scale says so."""
    if bench.traces is None:
        return {"missing": "no folder of traces was named (--traces DIR)"}
    files = {path.stem: path for path in sorted(bench.traces.glob("*.json"))}
    sizes = {name: _size(path) for name, path in files.items()}
    taken = {name: path for name, path in files.items() if 0 < sizes[name][0] <= bench.scale.trace_tasks}
    found: dict[str, Any] = {}
    for name, path in taken.items():
        say(f"  {name}: {sizes[name][0]} tasks")
        subject = {name: lambda path=path: run(bench.directory, path, "--time-scale", "0")}
        found |= interleaved(subject, bench.repetitions)
        found[name] |= {"edges": sizes[name][1]}
    return {**found, "left_out": sorted(files.keys() - taken.keys())}


def _size(path: Path) -> tuple[int, int]:
    try:
        tasks = json.loads(path.read_text())["workflow"]["specification"]["tasks"]
    except (KeyError, TypeError, ValueError):
        return 0, 0
    return len(tasks), sum(len(one.get("parents", ())) for one in tasks)
