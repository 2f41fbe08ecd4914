"""Single reports to our server on SQLite, its default, beside Prefect's on its own default, in turns."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from bench.peers import prefect
from bench.peers.environment import PeerMissing
from bench.support.bench import Bench, interleaved, say
from bench.work.life import life
from jobmon_server.bench.caller import Caller
from jobmon_server.bench.figures import measured
from jobmon_server.bench.load import drive
from jobmon_server.bench.requests import lives

CLIENTS = (1, 8)
ENOUGH = 800
"""Instances made for each second of ours; a tenth of them for theirs, which are made one by one."""


def measure(bench: Bench) -> dict[str, Any]:
    """Measure one and eight clients of each."""
    seconds = bench.scale.seconds
    with ExitStack() as stack:
        server = stack.enter_context(bench.server(f"sqlite:///{bench.directory / 'embedded.db'}"))
        wire = stack.enter_context(Caller(server.url, server.token))

        def ours(clients: int) -> dict[str, Any]:
            _, ids = life(wire, max(100, int(ENOUGH * seconds)))
            meter = bench.meter(server=server.process.pid)
            return measured(
                drive(server.url, lives(ids), clients, seconds=seconds, token=server.token), meter
            )

        subjects: dict[str, Callable[[], dict[str, Any]]] = {
            f"ours_{one}": partial(ours, one) for one in CLIENTS
        }
        missing = "not asked for (--no-peers)"
        if bench.with_peers:
            missing = _prefect(bench, stack, subjects)
        found: dict[str, Any] = interleaved(subjects, bench.repetitions)
    return {**found, **({"prefect_missing": missing} if missing else {})}


def _prefect(bench: Bench, stack: ExitStack, subjects: dict[str, Callable[[], dict[str, Any]]]) -> str:
    """Add Prefect to what is measured; or return why it cannot be."""
    try:
        url, pid = stack.enter_context(prefect.serving(bench.directory))
    except PeerMissing as error:
        say(f"  Prefect {prefect.VERSION} is not measured: {error}")
        return str(error)

    def theirs(clients: int) -> dict[str, Any]:
        scripts = prefect.lives(url, max(20, int(ENOUGH * bench.scale.seconds / 10)))
        meter = bench.meter(server=pid)
        return measured(drive(url, scripts, clients, seconds=bench.scale.seconds), meter)

    for clients in CLIENTS:
        subjects[f"prefect_{clients}"] = partial(theirs, clients)
    return ""
