"""The arithmetic of a report: medians, percentiles, exponents."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any


def spread(values: Sequence[float], digits: int = 4) -> dict[str, Any]:
    """Return median, minimum, maximum and all values of some repetitions; empty when there was none."""
    if not values:
        return {}
    rounded = [significant(value, digits) for value in values]
    return {
        "median": significant(statistics.median(values), digits),
        "min": min(rounded),
        "max": max(rounded),
        "values": rounded,
    }


def significant(value: float, digits: int = 4) -> float:
    """Round to so many significant digits."""
    return float(f"{value:.{digits}g}")


def percentile(values: Sequence[float], part: float) -> float:
    """Return the value that a part of all are at most."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(part * len(ordered)) - 1))]


def milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    """Return p50, p99 and the longest, in milliseconds."""
    return {
        "p50": significant(percentile(seconds, 0.5) * 1_000),
        "p99": significant(percentile(seconds, 0.99) * 1_000),
        "max": significant(max(seconds) * 1_000),
    }


def exponent(seconds_by_size: Mapping[int, float]) -> float | None:
    """Return the slope of log(seconds) over log(size): 1 is linear, 0 is flat; None for fewer than two sizes."""
    points = [(math.log(size), math.log(seconds)) for size, seconds in seconds_by_size.items() if seconds > 0]
    if len(points) < 2:
        return None
    mean_x, mean_y = (statistics.fmean(axis) for axis in zip(*points, strict=True))
    wide = sum((x - mean_x) ** 2 for x, _ in points)
    return round(sum((x - mean_x) * (y - mean_y) for x, y in points) / wide, 3) if wide else None


def ratio(above: float | None, below: float | None) -> float | None:
    """Return the ratio; None where one of the two was not measured."""
    return significant(above / below, 3) if above is not None and below else None


def dig(figures: Mapping[str, Any], *path: str) -> Any:
    """Return what stands at the end of a path through nested objects; None where it ends before."""
    found: Any = figures
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found
