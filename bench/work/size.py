"""The same work in tables of growing size: the reaper's pass, one report, one claim, reads."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

from bench.support.bench import Bench, interleaved, say, summary
from bench.support.rows import LARGEST_WORKFLOW, Block, analyze, fill
from jobmon_client.states import TaskInstanceStatus
from jobmon_server.actions.reporting.deadlines import reap
from jobmon_server.bench.figures import measured
from jobmon_server.bench.load import Script, drive, request
from jobmon_server.bench.numbers import dig, exponent
from jobmon_server.bench.requests import claim, lives
from jobmon_server.db.core.transaction import Database
from tests.support.server import LiveServer

OVERDUE_PART = 100
"""One of so many live instances is overdue."""
CLAIM = 10
OVERDUE = (
    "UPDATE task_instance SET report_by = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND"
    f" WHERE id BETWEEN %s AND %s AND status = '{TaskInstanceStatus.RUNNING.code}' AND id MOD %s = %s"
)


@dataclass(frozen=True, slots=True)
class World:
    """A database with so many live instances, `running` most of them, in workflows of at most a hundred thousand tasks."""

    url: str
    running: tuple[Block, ...]


def world(bench: Bench, size: int) -> World:
    """Make it once; it stays until the bench ends."""
    return bench.kept(("world", size), partial(_made, bench, size))


def _made(bench: Bench, size: int) -> World:
    say(f"  making {size} live instances")
    url = bench.stack.enter_context(bench.database())
    with bench.connect(url) as connection:
        pieces = [min(LARGEST_WORKFLOW, size - start) for start in range(0, size, LARGEST_WORKFLOW)]
        blocks = tuple(fill(connection, piece, TaskInstanceStatus.RUNNING) for piece in pieces)
        analyze(connection)
    return World(url, blocks)


def measure_reaper(bench: Bench) -> dict[str, Any]:
    """Time the reaper's pass where one in a hundred is overdue, and where none is."""
    sizes = bench.scale.table_sizes
    subjects: dict[str, Callable[[], dict[str, Any]]] = {}
    for size in sizes:
        subjects[f"reap_{size}"] = partial(_reap, world(bench, size), bench, count(1))
    found: dict[str, Any] = interleaved(subjects, bench.repetitions)
    seconds = {size: dig(found, f"reap_{size}", "seconds", "median") for size in sizes}
    idle = {size: dig(found, f"reap_{size}", "idle_seconds", "median") for size in sizes}
    exponents = {"reaper_pass": exponent(seconds), "reaper_pass_idle": exponent(idle)}
    return {**found, "exponents": exponents, "curves": {"reaper_pass": seconds, "reaper_pass_idle": idle}}


def _reap(made: World, bench: Bench, rounds: Any) -> dict[str, Any]:
    which = next(rounds) % OVERDUE_PART
    with bench.connect(made.url) as connection, connection.cursor() as cursor:
        overdue = sum(
            cursor.execute(OVERDUE, (one.first, one.first + one.count - 1, OVERDUE_PART, which))
            for one in made.running
        )
    database = Database.connect(made.url)
    try:
        began = time.perf_counter()
        reaped = reap(database)
        seconds = time.perf_counter() - began
        assert reaped.task_instances == overdue, (reaped, overdue)
        began = time.perf_counter()
        reap(database)
        idle = time.perf_counter() - began
    finally:
        database.dispose()
    return {"overdue": overdue, "seconds": seconds, "per_second": overdue / seconds, "idle_seconds": idle}


class Sizes:
    """One client against a server on each of the databases."""

    def __init__(self, bench: Bench, made: World, server: LiveServer) -> None:
        self._bench, self._made, self._server = bench, made, server
        self._random = random.Random(1)

    def reports(self) -> dict[str, Any]:
        """Running then done, one after the other."""
        with self._bench.connect(self._made.url) as connection:
            block = fill(connection, self._bench.scale.calls, TaskInstanceStatus.LAUNCHED)
        return self._driven(lives(block.ids))

    def claims(self) -> dict[str, Any]:
        """Claims of a few instances."""
        calls = max(1, self._bench.scale.calls // 5)
        with self._bench.connect(self._made.url) as connection:
            fill(connection, calls * CLAIM, TaskInstanceStatus.QUEUED, cluster="claimed")
        return self._driven([(claim("bench", "claimed", CLAIM),)] * calls)

    def reads(self) -> dict[str, Any]:
        """What people and programs look at."""
        blocks = self._random.choices(self._made.running, k=self._bench.scale.calls)
        ids = [self._random.choice(block.ids) for block in blocks]
        few = blocks[: max(1, len(blocks) // 20)]
        scripts = [(request("task_instance", f"/task_instance/{one}"),) for one in ids]
        scripts += [(request("task", f"/task/{one}"),) for one in ids]
        scripts += [(request("journal", f"/task_instance/{one}/journal"),) for one in ids]
        scripts += [(request("workflow", f"/workflow/{one.workflow_id}"),) for one in few]
        scripts += [(request("page", f"/workflow/{one.workflow_id}/tasks?limit=100"),) for one in few]
        return self._driven(scripts)

    def _driven(self, scripts: Sequence[Script]) -> dict[str, Any]:
        with self._bench.rows_counted() as read:
            load = drive(self._server.url, scripts, token=self._server.token)
        return {**measured(load), "rows_read_for_one": read[0] / max(1, load.requests)}


def measure(bench: Bench) -> dict[str, Any]:
    """Measure one client's reports, claims and reads at each size, in turns."""
    sizes = bench.scale.table_sizes
    subjects: dict[str, Callable[[], dict[str, Any]]] = {}
    for size in sizes:
        made = world(bench, size)
        server = bench.stack.enter_context(bench.server(made.url, "--reaper-period", "3600"))
        sized = Sizes(bench, made, server)
        for name, subject in (("report", sized.reports), ("claim", sized.claims), ("read", sized.reads)):
            summary([subject()])
            subjects[f"{name}_{size}"] = subject
    found: dict[str, Any] = interleaved(subjects, bench.repetitions)
    curves = {
        f"{name}_{kind}": {
            size: dig(found, f"{name}_{size}", "milliseconds", kind, "p50", "median") for size in sizes
        }
        for name, kinds in {
            "report": ("running", "done"),
            "claim": ("claim",),
            "read": ("task_instance", "task", "journal", "workflow", "page"),
        }.items()
        for kind in kinds
    }
    return {
        **found,
        "sizes": list(sizes),
        "exponents": {name: exponent(curve) for name, curve in curves.items()},
        "curves": curves,
    }
