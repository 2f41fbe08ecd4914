"""The report for people: what was promised, what was measured, what it was measured beside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.ratios import TARGETS
from bench.support.plots import plots
from jobmon_server.bench.numbers import dig

Found = Mapping[str, Any]

#: Jobmon 3.6 is no package on PyPI; its source was measured once, on two cores of another day: for orientation only.
ELSEWHERE = """Jobmon 3.6 (from its source; it is not on PyPI) was measured on another day on 2 cores, for orientation only: 50 reports a
second with 1 client, 112 with 8, 16 with 32 (p99 31 s); 50,000 tasks: bind 45–53 s, queue 2.7 s, instantiate 5.5 s, launch 7.4 s;
1,000 × `true` on its dummy cluster 7.5 tasks a second. No ratio here uses these figures."""
HOW = """All figures are of one run on one machine that client, server and database share; single figures move with what else the machine
does, so ratios are taken only between what was measured in turns in that run. A figure is the median of its repetitions, with the
lowest and the highest in brackets. To repeat it: `tox -e bench` (a smaller one: `tox -e bench -- --quick`). The raw figures are in
[{json}]({json})."""
BARE = """*bare* is PyMySQL alone moving the same two rows with the same columns: SELECT … FOR UPDATE, two guarded UPDATEs, COMMIT (*guarded*
leaves the SELECT out), one process a connection. *empty* is a Flask application that parses the same body and answers at once, under
the same gunicorn settings. The journal row is part of our work and of nobody else's here."""


def write(path: Path, found: Found) -> None:
    """Write the report, its plots into a folder of its name beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = plots(path.with_suffix(""), found["figures"])
    path.write_text("\n".join(_lines(path, found, drawn)) + "\n", encoding="utf-8")


def _lines(path: Path, found: Found, drawn: Sequence[Path]) -> Iterator[str]:
    figures = found["figures"]
    yield "# Performance"
    yield f"\n{HOW.format(json=path.with_suffix('.json').name)}\n"
    yield from _setting(found)
    yield "\n## What is promised\n"
    yield from _targets(figures)
    if (notes := path.with_name(f"{path.stem}-notes.md")).exists():
        yield f"\nWhere the time goes, and what it would take to meet what is missed: [{notes.name}]({notes.name})."
    yield "\n## Single reports\n"
    yield from _singles(figures)
    for name, title in (
        ("embedded", "Single reports on SQLite, beside Prefect on its default database"),
        ("batches", "Many reports a call"),
        ("heartbeats", "Heartbeats"),
        ("claims", "Claims by several distributors"),
        ("storm", "An array starts: every worker a connection of its own"),
    ):
        yield f"\n## {title}\n"
        yield from _loads(figures.get(name))
        if missing := dig(figures, name, "prefect_missing"):
            yield f"\nPrefect was not measured: {missing}"
    yield "\n## Workflows of growing size\n"
    yield from _life(figures.get("life") or {})
    yield "\n## Cost as work and tables grow\n"
    yield from _exponents(figures)
    yield from _rows_read(figures)
    yield from (f"\n![{one.stem}]({one.relative_to(path.parent)})" for one in drawn)
    yield "\n## Whole workflows on this machine\n"
    yield from _local(figures)
    yield "\n## Start, memory, space\n"
    yield from _server(figures)


def _setting(found: Found) -> Iterator[str]:
    run, machine = found["figures"]["run"], found["machine"]
    yield f"* {found['date']}, scale *{run['scale']}*, {run['repetitions']} repetitions, {run.get('seconds', 0):.0f} s in all"
    yield f"* {machine['cpus']} × {machine['cpu']}, {machine['memory_gib']} GiB, Linux {machine['kernel']}; load before: {machine['load_before'][0]}"
    yield f"* {', '.join(f'{name} {version}' for name, version in found['versions'].items())}"
    yield f"* server: {_pairs(run['server'])}"
    yield f"* MariaDB: {_pairs({name: value for name, value in run['mariadb'].items() if name != 'version'})}"
    for name, section in found["figures"].items():
        if "failed" in section:
            yield f"* **{name} failed in this run and is missing below:** {section['failed']}"


def _singles(figures: Found) -> Iterator[str]:
    yield f"{BARE}\n"
    yield from _loads(figures.get("reports"))
    if missing := dig(figures, "reports", "jobmon_missing"):
        yield f"\nJobmon 3.2.2 was not measured: {missing}"
    yield f"\n{ELSEWHERE}"


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _targets(figures: Found) -> Iterator[str]:
    yield from _header("what", "target", "measured", "")
    for target in TARGETS:
        found = target.value(figures)
        yield _row(
            target.what, target.bound.replace("0.333333", "1/3"), _number(found), target.verdict(found)
        )


def _header(*names: str) -> Iterator[str]:
    yield _row(*names)
    yield "|" + "---|" * len(names)


def _row(*cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def _spread(value: Any) -> str:
    """Median, and the lowest and the highest where there are several."""
    if not value:
        return "–"
    if not isinstance(value, Mapping):
        return _number(value)
    text = _number(value["median"])
    return text if len(value["values"]) < 2 else f"{text} [{_number(value['min'])}–{_number(value['max'])}]"


def _loads(section: Any) -> Iterator[str]:
    """One line for each load: its rate, its latencies by what was said, errors, and who used how many cores."""
    loads = {
        name: one
        for name, one in (section or {}).items()
        if isinstance(one, Mapping) and "milliseconds" in one
    }
    if not loads:
        yield "Not measured in this run."
        return
    yield from _header("", "a second", "p50 / p99 ms", "errors", "cores: driver, others", "CPU for one, µs")
    for name, one in loads.items():
        late = "; ".join(
            f"{kind} {_number(dig(values, 'p50', 'median'))} / {_number(dig(values, 'p99', 'median'))}"
            for kind, values in one["milliseconds"].items()
        )
        cores, costs = (
            ", ".join(f"{who} {_number(dig(value, 'median'))}" for who, value in one.get(kind, {}).items())
            for kind in ("cores", "cpu_microseconds")
        )
        driver = _number(dig(one, "driver_cores", "median"))
        yield _row(
            name,
            _spread(one.get("per_second")),
            late,
            one.get("errors", 0),
            f"{driver}, {cores}".rstrip(", "),
            costs,
        )


def _life(section: Found) -> Iterator[str]:
    sizes = sorted(int(size) for size in section.get("largest_server_process_mib", {}))
    if not sizes:
        yield "Not measured in this run."
        return
    yield "One call binds all tasks; queueing, claiming and launching take calls of 10,000. Rows a second, by the time of the calls.\n"
    yield from _header("tasks", "bind", "queue", "claim", "launch", "largest server process, MiB")
    for size in sizes:
        rates = [
            _spread(dig(section, f"{step}_{size}", "per_second"))
            for step in ("bind", "queue", "claim", "launch")
        ]
        yield _row(f"{size:,}", *rates, section["largest_server_process_mib"][str(size)])


def _exponents(figures: Found) -> Iterator[str]:
    yield "The exponent is the slope of log(seconds) over log(size): 1 is linear, 0 does not grow.\n"
    yield from _header("operation", "sizes", "exponent")
    for section in figures.values():
        for name, value in (dig(section, "exponents") or {}).items():
            curve = dig(section, "curves", name) or dig(section, "curves") or {}
            sizes = ", ".join(f"{int(size):,}" for size in curve if str(size).isdigit())
            yield _row(name.replace("_", " "), sizes, _number(value))
    for name in (
        "queue_of_a_layer_large_vs_small",
        "queue_of_a_layer_last_ten_vs_first_ten",
        "nothing_to_queue_large_vs_small",
    ):
        if (value := dig(figures, "scheduling", name)) is not None:
            sizes = f"{dig(figures, 'scheduling', 'small', 'tasks'):,} and {dig(figures, 'scheduling', 'large', 'tasks'):,} tasks"
            yield _row(f"scheduling: {name.replace('_', ' ')}", sizes, f"ratio {value}")


def _rows_read(figures: Found) -> Iterator[str]:
    """Rows that MariaDB read for one call, by the size of the tables, or for one id of a batch, by its size."""
    read = [
        (name, value)
        for section in ("heartbeats", "size")
        for name, one in (figures.get(section) or {}).items()
        if isinstance(one, Mapping) and (value := dig(one, "rows_read_for_one"))
    ]
    if read:
        yield "\nRows that MariaDB read for one call (of a batch: for one id): a scan would show here, whatever the machine does.\n"
        yield from _header("operation and size", "rows")
        yield from (_row(name.replace("_", " "), _spread(value)) for name, value in read)


def _local(figures: Found) -> Iterator[str]:
    loads = {
        **{
            f"{name.replace('_', ', ')} × true": one
            for name, one in (figures.get("local") or {}).items()
            if isinstance(one, Mapping)
        },
        **{name: one for name, one in (figures.get("traces") or {}).items() if isinstance(one, Mapping)},
    }
    yield "Wall time of the whole command `jobmon run`, its start included; traces with runtimes of zero. Memory is the largest seen.\n"
    yield from _header("", "seconds", "tasks a second", "MiB")
    for name, one in loads.items():
        memory = ", ".join(
            f"{kind} {_number(dig(value, 'max'))}" for kind, value in one.get("peak_mib", {}).items()
        )
        yield _row(name, _spread(one.get("seconds")), _spread(one.get("per_second")), memory)
    if missing := dig(figures, "traces", "missing"):
        yield f"\nRecorded workflows were not run: {missing}."


def _server(figures: Found) -> Iterator[str]:
    yield from _header("what", "")
    for name, one in (figures.get("start") or {}).items():
        yield _row(f"start to first reply, {name.replace('_', ', ')}, s", _spread(one["seconds"]))
    for name in ("after_start", "after_reports"):
        if one := dig(figures, "memory", name):
            workers = ", ".join(_number(worker.get("rss")) for worker in one["workers_mib"])
            yield _row(
                f"memory {name.replace('_', ' ')}: arbiter; workers (RSS, MiB)",
                f"{_number(one['arbiter_mib'].get('rss'))}; {workers}",
            )
            yield _row(
                f"memory {name.replace('_', ' ')}: all, shared pages once (PSS, MiB)",
                _number(one["all_pss_mib"]),
            )
    for name, value in (figures.get("journal") or {}).items():
        if name != "reports":
            yield _row(name.replace("_", " "), _number(value))
