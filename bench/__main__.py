"""`python -m bench`: measure everything beside what bounds it, write figures and report."""

from __future__ import annotations

import argparse
import compileall
import json
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jobmon_client
import jobmon_server
from bench.peers import jobmon, prefect
from bench.ratios import ratios
from bench.support.bench import FULL, QUICK, SCALES, Bench, bench, say, server_settings
from bench.support.report import write
from bench.work import (
    batches,
    claims,
    embedded,
    heartbeats,
    life,
    local,
    reports,
    scheduling,
    server,
    size,
    storm,
    traces,
)
from jobmon_server.bench.machine import machine, versions

SECTIONS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "start": server.measure_start,
    "memory": server.measure_memory,
    "reports": reports.measure,
    "embedded": embedded.measure,
    "batches": batches.measure,
    "heartbeats": heartbeats.measure,
    "life": life.measure,
    "claims": claims.measure,
    "storm": storm.measure,
    "journal": server.measure_journal,
    "scheduling": scheduling.measure,
    "local": local.measure,
    "traces": traces.measure,
    "reaper": size.measure_reaper,
    "size": size.measure,
}


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    top = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    top.add_argument("--quick", action="store_true", help="smaller and shorter, to see whether all works")
    top.add_argument("--scale", choices=SCALES, help="how large; --quick is --scale quick")
    top.add_argument("--only", nargs="+", choices=SECTIONS, metavar="NAME", help=f"of: {', '.join(SECTIONS)}")
    top.add_argument("--repetitions", type=int, metavar="N", help="of everything that is measured in turns")
    top.add_argument("--traces", type=Path, metavar="DIR", help="a folder of WfFormat traces to run")
    top.add_argument("--no-peers", action="store_true", help="do not install and measure Jobmon's own server")
    top.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    top.add_argument(
        "--report", type=Path, metavar="FILE", help="write the report there, its plots beside it"
    )
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; print the ratios."""
    given = parser().parse_args(arguments)
    scale = SCALES[given.scale] if given.scale else QUICK if given.quick else FULL
    options = {"traces": given.traces, "with_peers": not given.no_peers}
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started ends with us
    for package in (jobmon_client, jobmon_server):  # as pip does when it installs them
        compileall.compile_dir(package.__path__[0], quiet=1)
    with (
        tempfile.TemporaryDirectory(prefix="jobmon-bench-") as name,
        bench(scale, Path(name), given.repetitions, **options) as made,
    ):
        for found in run(made, given.only or tuple(SECTIONS)):
            found["figures"]["run"]["seconds"] = round(time.monotonic() - began, 1)
            keep(given.json, found)
    if given.report:
        write(given.report, found)
    print(json.dumps(found["ratios"], indent=1))
    return 1 if any("failed" in section for section in found["figures"].values()) else 0


def keep(path: Path | None, found: dict[str, Any]) -> None:
    """Write the figures: after each section, for a run is long."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def run(made: Bench, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Measure these sections, in the order of SECTIONS; after each, what stands in performance.json."""
    about: dict[str, Any] = {
        "scale": made.scale.name,
        "repetitions": made.repetitions,
        "server": server_settings(),
    }
    here: dict[str, Any] = {
        "machine": machine(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "versions": versions(),
    }
    settings = made.settings()
    here["versions"]["mariadb"] = settings["version"]
    if made.with_peers:
        here["versions"] |= {"jobmon from PyPI": jobmon.VERSION, "prefect": prefect.VERSION}
    figures: dict[str, Any] = {"run": {**about, "mariadb": settings, "seconds_by_section": {}}}
    say(f"server: {about['server']}")
    say(f"mariadb: {settings}")
    for name, measure in SECTIONS.items():
        if name in names:
            say(f"{name} …")
            began = time.monotonic()
            figures[name] = _measured(measure, made)
            figures["run"]["seconds_by_section"][name] = round(time.monotonic() - began, 1)
            yield {**here, "ratios": ratios(figures), "figures": figures}


def _measured(measure: Callable[[Bench], dict[str, Any]], made: Bench) -> dict[str, Any]:
    """Return a section's figures as they are read from the file, or how it failed."""
    try:
        found: dict[str, Any] = json.loads(json.dumps(measure(made)))
    except Exception as error:  # noqa: BLE001  # the figures of the others must not be lost with it
        say(traceback.format_exc())
        return {"failed": f"{type(error).__name__}: {error}"[:2_000]}
    return found


if __name__ == "__main__":
    raise SystemExit(main())
