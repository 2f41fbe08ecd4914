"""What `jobmon-server bench` measures, through the API alone; beside it the driver without a server, on the same database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from jobmon_server.bench import bare
from jobmon_server.bench.caller import Caller
from jobmon_server.bench.figures import measured
from jobmon_server.bench.load import Load, Script, drive, request
from jobmon_server.bench.machine import Meter, family
from jobmon_server.bench.numbers import milliseconds
from jobmon_server.bench.requests import claim, heartbeat, heartbeats, lives, reports
from jobmon_server.bench.workflow_life import STEPS, Life

BATCH = 1_000
"""Reports, or heartbeats, of one call."""
CLAIMED = 100
SPARE = 5
"""One call in so many more: a claim that passes over what others hold gets less than it asked for."""
A_SECOND = 600
"""Instances made for each second of single reports, two reports each."""
LEAST, MOST = 64, 10_000
MOST_CONNECTIONS = 32
"""Of the driver without a server: each is a process."""
WARM = 8


@dataclass(slots=True)
class Session:
    """One server to be measured; `made` are the workflows that were bound on it."""

    url: str
    name: str
    clients: Sequence[int]
    seconds: float
    say: Callable[[str], None]
    token: str = ""
    database_url: str = ""
    pid: int | None = None
    made: list[Life] = field(default_factory=list)

    def life(self, size: int) -> Life:
        """Bind a workflow for so many tasks."""
        with Caller(self.url, self.token) as wire:
            life = Life(wire, size, self.name)
        self.made.append(life)
        return life

    def launched(self, size: int) -> Life:
        """Take a workflow of so many tasks to LAUNCHED."""
        life = self.life(size)
        with Caller(self.url, self.token) as wire:
            life.queue(wire)
            life.launch(wire)
        return life

    def drive(self, scripts: Sequence[Script], clients: int, *, is_timed: bool = True) -> Load:
        """Send the scripts, for no longer than a measurement may take."""
        return drive(self.url, scripts, clients, seconds=self.seconds if is_timed else None, token=self.token)

    def meter(self) -> Meter | None:
        """Measure the CPU of the server, where it is a child of ours."""
        return None if self.pid is None else Meter({"server": family(self.pid)})

    def instances(self, a_second: int) -> int:
        """Return how many instances are made for one measurement."""
        return min(MOST, max(LEAST, int(a_second * self.seconds)))


def measure(session: Session) -> dict[str, dict[str, Any]]:
    """Measure everything, in one order; each figure by what it is of and from how many clients."""
    ids = session.launched(LEAST).ids
    for scripts in (lives(ids), _reads(ids)):  # the first calls of a server are slower
        session.drive(scripts, WARM, is_timed=False)
    found: dict[str, dict[str, Any]] = {}
    for name, figures in chain(_singles(session), _steps_and_batches(session), _claims(session)):
        session.say(f"{name}: {figures['per_second']} a second")
        found[name] = figures
    return found


def finish(session: Session) -> list[int]:
    """Delete what was bound, on a server that goes on; return the workflows of which it still removes rows."""
    left = []
    for life in session.made:
        # What lives would have to be waited for: end it.
        alone = [(one,) for script in _batches(life.ids, reports) for one in script]
        session.drive(alone, 1, is_timed=False)
        with Caller(session.url, session.token) as wire:
            body = {"force": True, "delete_output": True, "reason": "its bench is over"}
            if not wire.post(f"/workflow/{life.workflow_id}/delete", body)["is_removed"]:
                left.append(life.workflow_id)
    return left


Figures = Iterator[tuple[str, dict[str, Any]]]


def _singles(session: Session) -> Figures:
    """Single reports from so many clients, running and done, the driver alone before each."""
    for clients in session.clients:
        if session.database_url and clients <= MOST_CONNECTIONS:
            ids = session.launched(session.instances(A_SECOND * 2)).ids
            load = bare.move(session.database_url, bare.LOCKED, ids, clients, session.seconds)
            yield f"bare_{clients}", _row("driver alone, a transaction each", clients, load)
        ids = session.launched(session.instances(A_SECOND)).ids
        meter = session.meter()
        load = session.drive(lives(ids), clients)
        yield f"reports_{clients}", _row("single reports", clients, load, meter, beside=f"bare_{clients}")
        meter = session.meter()
        load = session.drive(_reads(ids), clients)
        yield f"reads_{clients}", _row("reads of one instance", clients, load, meter)


def _steps_and_batches(session: Session) -> Figures:
    """A workflow in large calls: its four steps, its reports, signs of life and reads."""
    size = session.instances(A_SECOND * 4)
    life = session.launched(size)
    for step in STEPS:
        seconds = life.seconds[step]
        yield (
            step,
            {"what": f"{step}, rows", "clients": 1, "per_second": round(size / seconds, 1), "errors": 0},
        )
    said, alive = life.ids[: size // 2], life.ids[size // 2 :]
    if session.database_url:
        ids = session.launched(size).ids
        load = bare.move(session.database_url, bare.HUNDRED, ids, 1, session.seconds)
        yield "bare_hundred_1", _row("driver alone, 100 rows a transaction", 1, load)
    meter = session.meter()
    load = session.drive(_batches(said, reports), 1, is_timed=False)
    rows = 2 * len(said) if not load.errors else load.requests * BATCH
    yield "reports_1000", _row("/reports of 1,000", 1, load, meter, rows=rows, beside="bare_hundred_1")
    session.drive([script[:1] for script in _batches(alive, reports)], 1, is_timed=False)
    for clients in session.clients:
        meter = session.meter()
        load = session.drive([(heartbeat(one),) for one in alive], clients)
        yield f"heartbeats_{clients}", _row("single heartbeats", clients, load, meter)
    load = session.drive([(heartbeats(piece),) for piece in _pieces(alive)], 1, is_timed=False)
    rows = len(alive) if not load.errors else load.requests * BATCH
    yield "heartbeats_1000", _row("heartbeats, 1,000 a call", 1, load, rows=rows)
    page = request("read", f"/workflow/{life.workflow_id}/tasks?limit=100")
    load = session.drive([(page,)] * session.instances(A_SECOND), 1)
    yield "lists", _row("lists of 100 tasks", 1, load)


def _claims(session: Session) -> Figures:
    """Distributors that claim 100 a call from one cluster."""
    for clients in session.clients:
        size = session.instances(A_SECOND * 2)
        life = session.life(size)
        calls = -(-size // CLAIMED)
        scripts = [
            (claim(f"distributor-{number}", life.cluster, CLAIMED),)
            for number in range(calls + calls // SPARE)
        ]
        with Caller(session.url, session.token) as wire:
            life.queue(wire)
            meter = session.meter()
            load = session.drive(scripts, clients)
            left = 0
            while batches := life.claim_some(wire):
                left += sum(len(one["task_instances"]) for one in batches)
        yield f"claims_{clients}", _row("claims, 100 a call, rows", clients, load, meter, rows=size - left)


def _row(
    what: str,
    clients: int,
    load: Load,
    meter: Meter | None = None,
    *,
    rows: int | None = None,
    beside: str | None = None,
) -> dict[str, Any]:
    """Return the figures of a load, its calls of all kinds together, and what they are shown beside."""
    every = [*chain.from_iterable(load.latencies.values())]
    return {
        "what": what,
        "clients": clients,
        **measured(load, meter, rows=rows),
        **({"call": milliseconds(every)} if every else {}),
        **({"beside": beside} if beside else {}),
    }


def _reads(ids: Sequence[int]) -> list[Script]:
    return [(request("read", f"/task_instance/{one}"),) for one in ids]


def _pieces(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[at : at + BATCH] for at in range(0, len(ids), BATCH)]


def _batches(ids: Sequence[int], say: Callable[[Sequence[int]], Script]) -> list[Script]:
    return [say(piece) for piece in _pieces(ids)]


def name_of_now() -> str:
    """Return the name of this run's workflows."""
    return f"bench {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}"
