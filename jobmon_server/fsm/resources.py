"""What a task asks for after a resource was short. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil
from typing import Any

#: A scaled value beyond this would be no number to every reader of JSON: what was asked for stays.
LARGEST_SCALED = 2**53


def scale(
    requested: Mapping[str, Any] | None, scales: Mapping[str, Any] | None, attempt: int
) -> dict[str, Any]:
    """Return the resources to ask for after the `attempt`th attempt (from 1) failed for want of one.

    A scale that is a number multiplies by 1 + that number, whole numbers rounded up; one that is a list gives
    the attempt's value, the last again and again. What cannot be scaled so stays as it was.
    """
    scaled = dict(requested or {})
    for name, by in (scales or {}).items():
        if isinstance(by, list):
            if by:
                scaled[name] = by[min(attempt, len(by)) - 1]
        elif _is_number(by) and _is_number(scaled.get(name)):
            scaled[name] = _times(scaled[name], by)
    return scaled


def place(
    wanted: Mapping[str, Any], queues: Sequence[str], maxima: Mapping[str, Mapping[str, float]]
) -> tuple[str, dict[str, Any]]:
    """Return the queue to ask next, and for what: the first of `queues` whose maximum allows what is wanted.

    If none does, the last, with every value cut to its maximum. A queue that is not in `maxima`, or a resource that
    its maximum does not name, has no limit.
    """
    for queue in queues:
        if not _over(wanted, maxima.get(queue, {})):
            return queue, dict(wanted)
    limits = maxima[queues[-1]]
    return queues[-1], {**wanted, **{name: limits[name] for name in _over(wanted, limits)}}


def originals(
    known: Mapping[str, Any] | None, was: Mapping[str, Any], now: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return what a definition was first, of all that has been changed since; `known` of former changes wins."""
    changed = {name: was[name] for name in now if was[name] != now[name]}
    return {**changed, **(known or {})} or None


def _over(wanted: Mapping[str, Any], limits: Mapping[str, float]) -> list[str]:
    return [name for name, most in limits.items() if _is_number(wanted.get(name)) and wanted[name] > most]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _times(value: float, factor: float) -> float:
    # As they are written: in binary 10 × 1.1 is more than 11, and rounding up would make it 12.
    exact = Fraction(str(value)) * (1 + Fraction(str(factor)))
    if abs(exact) > LARGEST_SCALED:
        return value
    return ceil(exact) if isinstance(value, int) else float(exact)
