"""The report for people: Markdown, so that it can be pasted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobmon_server.bench.numbers import dig, ratio

HEADER = ("what", "clients", "a second", "p50 ms", "p99 ms", "errors", "driver alone", "part of it")


def table(found: Mapping[str, Any]) -> str:
    """Return the report."""
    return "\n".join(_lines(found))


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    machine, figures = found["machine"], found["figures"]
    yield f"jobmon {found['versions']['jobmon']} on {machine['cpus']} CPUs ({machine['cpu']}), load before {machine['load_before']}, {found['date']}\n"
    for place in ("server", "database"):
        yield f"{place}: {', '.join(f'{name} {value}' for name, value in found[place].items())}\n"
    yield _line(HEADER)
    yield _line(["---", *["---:"] * (len(HEADER) - 1)])
    for one in figures.values():
        beside = dig(figures, one.get("beside", ""), "per_second")
        part = ratio(one["per_second"], beside)
        call = one.get("call", {})
        shown = (one["per_second"], call.get("p50"), call.get("p99"), one["errors"], beside, part)
        yield _line([one["what"], one["clients"], *map(_number, shown)])
    cores = max((one.get("driver_cores") or 0 for one in figures.values()), default=0)
    yield f"\nWhat sends the load shares the machine, or not: it used {cores:g} cores at most."
    for one in figures.values():
        if one["errors"]:
            yield f"\n{one['what']}, {one['clients']} clients, first error: {one.get('first_error')}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:g}"


def _line(cells: Any) -> str:
    return f"| {' | '.join(map(str, cells))} |"
