"""The ratios that are promised, each from figures of one run; None where one of its figures was not measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jobmon_server.bench.numbers import dig, ratio

Figures = Mapping[str, Any]


def _rate(figures: Figures, *path: str) -> float | None:
    found: float | None = dig(figures, *path, "per_second", "median")
    return found


def _of_rates(section: str, above: str, below: str) -> Callable[[Figures], float | None]:
    return lambda figures: ratio(_rate(figures, section, above), _rate(figures, section, below))


def _usual(figures: Figures, clients: int) -> str:
    """The name of the `/reports` of 1,000 reports a call."""
    del figures
    return f"reports_1000_by_{clients}"


def _large_vs_small(*path: str) -> Callable[[Figures], float | None]:
    """Return the ratio of a p50 in the largest table to that in the smallest."""

    def found(figures: Figures) -> float | None:
        curve = dig(figures, "size", "curves", *path) or {}
        if len(curve) < 2:
            return None
        return ratio(curve[max(curve, key=int)], curve[min(curve, key=int)])

    return found


def _reports_large_vs_small(figures: Figures) -> float | None:
    """Return it for a report of either kind: running and done together."""
    both = [dig(figures, "size", "curves", f"report_{kind}") or {} for kind in ("running", "done")]
    if any(len(curve) < 2 for curve in both):
        return None
    large = sum(curve[max(curve, key=int)] for curve in both)
    return ratio(large, sum(curve[min(curve, key=int)] for curve in both))


def _heartbeats(figures: Figures) -> float | None:
    """Return the time of one in the batch of 10,000 against one alone, both of one client."""
    return ratio(_rate(figures, "heartbeats", "single_1"), _rate(figures, "heartbeats", "batch_10000"))


def _end_to_end(figures: Figures) -> float | None:
    """Return our tasks a second against those of a bare subprocess: the largest workflow up to 1,000 tasks."""
    sizes = [one for one in dig(figures, "local", "sizes") or () if one <= 1_000]
    if not sizes:
        return None
    return _of_rates("local", f"embedded_{max(sizes)}", f"subprocess_{max(sizes)}")(figures)


RATIOS: dict[str, Callable[[Figures], float | None]] = {
    "reports_1_vs_bare": _of_rates("reports", "ours_1", "bare_1"),
    "reports_8_vs_bare": _of_rates("reports", "ours_8", "bare_8"),
    "reports_8_vs_jobmon": _of_rates("reports", "ours_8", "jobmon_8"),
    "reports_32_vs_8": _of_rates("reports", "ours_32", "ours_8"),
    "reports_128_vs_8": _of_rates("reports", "ours_128", "ours_8"),
    "batch_1000_vs_bare": _of_rates("batches", "reports_1000_by_1", "bare_hundred_1"),
    "heartbeat_batched_vs_single": _heartbeats,
    "report_1m_vs_10k": _reports_large_vs_small,
    "claim_1m_vs_10k": _large_vs_small("claim_claim"),
    "read_1m_vs_10k": _large_vs_small("read_task_instance"),
    "end_to_end_vs_subprocess": _end_to_end,
}


def ratios(figures: Figures) -> dict[str, float | None]:
    """Return them all."""
    return {name: found(figures) for name, found in RATIOS.items()}


@dataclass(frozen=True, slots=True)
class Target:
    """What DESIGN promises of one figure: at least, or at most."""

    what: str
    value: Callable[[Figures], float | None]
    least: float | None = None
    most: float | None = None
    needs: str = ""

    def verdict(self, found: float | None) -> str:
        """Say whether it is met."""
        if found is None:
            return "not measured"
        is_met = (self.least is None or found >= self.least) and (self.most is None or found <= self.most)
        return "met" if is_met else "MISSED"

    @property
    def bound(self) -> str:
        """The promise in signs."""
        return f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"


def _at(*path: str) -> Callable[[Figures], float | None]:
    def found(figures: Figures) -> float | None:
        value: float | None = dig(figures, *path)
        return value

    return found


def _errors(figures: Figures) -> float | None:
    """Return the errors of all single reports to our server."""
    found = [
        one["errors"] for name, one in (figures.get("reports") or {}).items() if name.startswith("ours_")
    ]
    return float(sum(found)) if found else None


def _rows_read(name: str) -> Callable[[Figures], float | None]:
    """Return the ratio of rows that InnoDB reads for one call in the largest table to those in the smallest."""

    def found(figures: Figures) -> float | None:
        sizes = dig(figures, "size", "sizes") or ()
        if len(sizes) < 2:
            return None
        large, small = (
            dig(figures, "size", f"{name}_{one}", "rows_read_for_one", "median")
            for one in (max(sizes), min(sizes))
        )
        return ratio(large, small)

    return found


def _reaped(figures: Figures) -> float | None:
    """Return the exponent of the reaper's pass where nothing is overdue."""
    found: float | None = dig(figures, "reaper", "exponents", "reaper_pass_idle")
    return found


def _memory(figures: Figures) -> float | None:
    found = dig(figures, "life", "largest_server_process_mib") or {}
    return max(found.values(), default=None)


TARGETS = (
    Target(
        "single reports, 8 clients, to bare PyMySQL on 8 connections",
        RATIOS["reports_8_vs_bare"],
        least=1 / 3,
    ),
    Target("single reports, 8 clients, to Jobmon 3.2.2", RATIOS["reports_8_vs_jobmon"], least=3),
    Target("single reports, 32 clients to 8", RATIOS["reports_32_vs_8"], least=1),
    Target("single reports, 128 clients to 8", RATIOS["reports_128_vs_8"], least=1),
    Target(
        "p99 of a running report at 32 clients, ms",
        _at("reports", "ours_32", "milliseconds", "running", "p99", "median"),
        most=100,
    ),
    Target("errors of single reports", _errors, most=0),
    Target(
        "/reports of 1,000 to bare 100-row transactions, one connection",
        RATIOS["batch_1000_vs_bare"],
        least=0.5,
    ),
    Target("one heartbeat in a batch to a single one", RATIOS["heartbeat_batched_vs_single"], most=1 / 500),
    Target("exponent of the heartbeat batch", _at("heartbeats", "exponents", "heartbeats"), most=1.05),
    *(
        Target(
            f"{step}, 50,000 tasks, rows a second",
            _at("life", f"{step}_50000", "per_second", "median"),
            least=least,
        )
        for step, least in (("bind", 10_000), ("queue", 30_000), ("claim", 30_000), ("launch", 30_000))
    ),
    Target("largest server process, MiB, through all of it", _memory, most=300),
    Target("one report, largest table to smallest", RATIOS["report_1m_vs_10k"], most=1.2),
    Target("one claim, largest table to smallest", RATIOS["claim_1m_vs_10k"], most=1.2),
    Target("one read, largest table to smallest", RATIOS["read_1m_vs_10k"], most=1.2),
    *(
        Target(f"rows read for one {name}, largest table to smallest", _rows_read(name), most=1.2)
        for name in ("report", "claim")
    ),
    Target("exponent of the reaper's pass with nothing overdue", _reaped, most=0.1),
    Target(
        "scheduling a layer, deep workflow to shallow",
        _at("scheduling", "queue_of_a_layer_large_vs_small"),
        most=1.2,
    ),
    Target("1,000 × true, tasks a second", _at("local", "embedded_1000", "per_second", "median"), least=50),
    Target("the same to bare subprocess", RATIOS["end_to_end_vs_subprocess"], least=1 / 3),
    Target("20 tasks, seconds", _at("local", "embedded_20", "seconds", "median"), most=2),
    Target("start to first reply, MariaDB, seconds", _at("start", "mariadb", "seconds", "median"), most=1),
    Target(
        "memory of a server process after its start, MiB",
        _at("memory", "after_start", "largest_process_rss_mib"),
        most=60,
    ),
)
