"""Whole workflows of `true` by `jobmon run` on the local cluster, beside a program that only starts the processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from bench.support.bench import Bench, interleaved
from bench.support.memory import command_line, memory_mib
from jobmon_server.bench.machine import family
from tests.support.server import LiveServer, environment

TIMEOUT = 3_600
WATCH = 0.2
ONCE = 1_000
"""Workflows with more tasks than this are run once: they take minutes."""


def bare(tasks: int) -> dict[str, Any]:
    """Start the same commands, as many at once, and do nothing else."""
    began = time.perf_counter()
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        codes = list(pool.map(_true, range(tasks)))
    seconds = time.perf_counter() - began
    assert not any(codes)
    return {"seconds": seconds, "per_second": tasks / seconds}


def _true(_number: int) -> int:
    return subprocess.run(["/bin/sh", "-c", "true"], check=False, stdin=subprocess.DEVNULL).returncode


def workflow_file(directory: Path, tasks: int) -> Path:
    """Write a workflow of so many tasks that do nothing and wait for nothing."""
    path = directory / f"true-{tasks}.json"
    definition = {
        "name": f"true-{tasks}",
        "tasks": [{"name": f"t{one}", "command": "true"} for one in range(tasks)],
    }
    path.write_text(json.dumps(definition))
    return path


def run(directory: Path, file: Path, *options: str, server: LiveServer | None = None) -> dict[str, Any]:
    """Run it as a user does, in a data directory of its own; wall seconds of the whole command."""
    home = directory / f"home-{time.monotonic_ns()}"
    named = ("--server", server.url) if server else ()
    settings = {"JOBMON_TOKEN": server.token} if server else {}
    began = time.perf_counter()
    with subprocess.Popen(
        [str(Path(sys.executable).with_name("jobmon")), "run", str(file), "--json", *named, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(XDG_DATA_HOME=str(home), XDG_CONFIG_HOME=str(home), **settings),
    ) as process:
        watch = Watch(process.pid)
        out, err = process.communicate(timeout=TIMEOUT)
        seconds = time.perf_counter() - began
        watch.stop()
    assert process.returncode == 0, err.decode(errors="replace")[-2_000:]
    told = json.loads(out.splitlines()[-1])
    done = told["tasks"]["DONE"]
    return {"seconds": seconds, "per_second": done / seconds, "tasks": done, "peak_mib": watch.peaks}


class Watch:
    """Looks at the memory of a command's processes while it runs: the largest of each kind."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stop = threading.Event()
        self.peaks: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(WATCH):
            for pid in family(self._pid):
                kind = _kind(command_line(pid))
                if kind:
                    self.peaks[kind] = max(self.peaks.get(kind, 0.0), memory_mib(pid).get("rss", 0.0))

    def stop(self) -> None:
        """End it."""
        self._stop.set()
        self._thread.join()


def _kind(command: str) -> str:
    words = {
        "jobmon_client.worker agent": "agent",
        "jobmon_client.worker.process.guardian": "guardian",
        "jobmon_server": "embedded server",
        "bin/jobmon run": "jobmon run",
    }
    return next((kind for part, kind in words.items() if part in command), "")


def measure(bench: Bench) -> dict[str, Any]:
    """Measure each size with the server that `jobmon run` starts, with one on MariaDB, and without any."""
    with bench.database() as url, bench.server(url) as server:
        found: dict[str, Any] = {"sizes": list(bench.scale.tasks)}
        for tasks in bench.scale.tasks:
            file = workflow_file(bench.directory, tasks)
            subjects: dict[str, Callable[[], dict[str, Any]]] = {
                f"subprocess_{tasks}": partial(bare, tasks),
                f"embedded_{tasks}": partial(run, bench.directory, file),
                f"mariadb_{tasks}": partial(run, bench.directory, file, server=server),
            }
            found |= interleaved(subjects, bench.repetitions if tasks <= ONCE else 1)
        return found
