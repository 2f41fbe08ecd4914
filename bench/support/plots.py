"""A plot for each group of operations: seconds over size, both logarithmic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jobmon_server.bench.numbers import dig

TITLES = {
    "life": "bind, queue, claim, launch: seconds",
    "batches": "/reports: ms a call, by reports a call",
    "heartbeats": "heartbeat batch: ms a call, by ids a call",
    "size": "one call: ms, by instances in the tables",
    "reaper": "the reaper's pass: seconds, by live instances",
}


def plots(folder: Path, figures: Mapping[str, Any]) -> list[Path]:
    """Draw them into the folder; none where a section was not measured or nothing can draw."""
    curves = {name: _curves(dig(figures, name, "curves") or {}) for name in TITLES}
    curves = {name: some for name, some in curves.items() if some}
    if not curves:
        return []
    try:
        import matplotlib as mpl  # of the extra `bench` alone
    except ImportError:
        return []

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "jobmon"
    folder.mkdir(parents=True, exist_ok=True)
    return [_drawn(folder / f"{name}.svg", TITLES[name], some) for name, some in curves.items()]


def _curves(found: Mapping[str, Any]) -> dict[str, list[tuple[int, float]]]:
    return {
        name: sorted((int(size), float(value)) for size, value in curve.items() if value)
        for name, curve in found.items()
        if isinstance(curve, Mapping) and sum(value is not None for value in curve.values()) > 1
    }


def _drawn(path: Path, title: str, curves: Mapping[str, list[tuple[int, float]]]) -> Path:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.2))
    for (name, points), mark in zip(curves.items(), _marks(), strict=False):
        axes.loglog(*zip(*points, strict=True), label=name.replace("_", " "), marker=mark, markersize=4)
    axes.set_title(title, fontsize=10)
    axes.grid(visible=True, which="both", linewidth=0.3)
    axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return path


def _marks() -> Iterator[str]:
    while True:
        yield from "os^vDPX*"
