"""Single reports, running then done, beside what bounds them and beside Jobmon's own server, in turns."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

import pymysql
from pymysql.cursors import Cursor

from bench.peers import empty, jobmon
from bench.peers.environment import PeerMissing
from bench.support.bench import Bench, interleaved, say
from bench.support.rows import fill
from jobmon_client.states import TaskInstanceStatus
from jobmon_server.bench import bare
from jobmon_server.bench.figures import measured
from jobmon_server.bench.load import drive, request
from jobmon_server.bench.requests import lives
from tests.support.server import LiveServer

ENOUGH = 2_500
"""Instances made for each second: more than anything here moves."""
PEER_CLIENTS = (1, 8, 32)

Subject = Callable[[], dict[str, Any]]


class Reports:
    """What is measured in turns; each turn gets instances of its own."""

    def __init__(
        self, bench: Bench, url: str, server: LiveServer, connection: pymysql.Connection[Cursor]
    ) -> None:
        self._bench, self._url, self._server, self._connection = bench, url, server, connection
        self._seconds = bench.scale.seconds
        self._enough = max(64, int(ENOUGH * self._seconds))

    def ours(self, clients: int) -> dict[str, Any]:
        """Reports to our server."""
        block = fill(self._connection, self._enough, TaskInstanceStatus.LAUNCHED)
        scripts = lives(block.ids)
        meter = self._bench.meter(server=self._server.process.pid)
        return measured(
            drive(self._server.url, scripts, clients, seconds=self._seconds, token=self._server.token), meter
        )

    def bare(self, way: bare.WritePattern, connections: int) -> dict[str, Any]:
        """The same rows without a server."""
        rows = self._enough * (8 if way.size > 1 else 1)
        block = fill(self._connection, rows, TaskInstanceStatus.LAUNCHED)
        meter = self._bench.meter()
        return measured(bare.move(self._url, way, block.ids, connections, self._seconds), meter)

    def empty(self, url: str, pid: int, clients: int) -> dict[str, Any]:
        """The same request to an application that does nothing."""
        scripts = [(empty.report(),)] * int(20_000 * self._seconds)
        meter = self._bench.meter(server=pid)
        return measured(drive(url, scripts, clients, seconds=self._seconds), meter)

    def health(self, clients: int) -> dict[str, Any]:
        """Our server's shortest reply, without the database."""
        scripts = [(request("health", "/health"),)] * int(20_000 * self._seconds)
        meter = self._bench.meter(server=self._server.process.pid)
        return measured(
            drive(self._server.url, scripts, clients, seconds=self._seconds, token=self._server.token), meter
        )

    def peer(self, peer: jobmon.Peer, connection: pymysql.Connection[Cursor], clients: int) -> dict[str, Any]:
        """The same reports to Jobmon's server."""
        count = max(64, int(1_000 * self._seconds))
        scripts = peer.lives(jobmon.fill(connection, count), count)
        meter = self._bench.meter(server=peer.pid)
        return measured(drive(peer.url, scripts, clients, seconds=self._seconds), meter)


def measure(bench: Bench) -> dict[str, Any]:
    """Measure them all in turns."""
    with ExitStack() as stack:
        url = stack.enter_context(bench.database())
        connection = stack.enter_context(bench.connect(url))
        server = stack.enter_context(bench.server(url))
        reports = Reports(bench, url, server, connection)
        subjects: dict[str, Subject] = {}
        for connections in (1, 8):
            subjects[f"bare_{connections}"] = partial(reports.bare, bare.LOCKED, connections)
            subjects[f"bare_guarded_{connections}"] = partial(reports.bare, bare.GUARDED, connections)
        address, pid = stack.enter_context(empty.serving(bench.directory))
        for clients in bench.scale.clients:
            subjects[f"ours_{clients}"] = partial(reports.ours, clients)
        subjects["empty_8"] = partial(reports.empty, address, pid, 8)
        subjects["health_8"] = partial(reports.health, 8)
        missing = _peer(bench, stack, reports, subjects)
        reports.ours(8)  # the first calls of a server are slower
        return {
            **interleaved(subjects, bench.repetitions),
            **({"jobmon_missing": missing} if missing else {}),
        }


def _peer(bench: Bench, stack: ExitStack, reports: Reports, subjects: dict[str, Subject]) -> str:
    """Add Jobmon's server to what is measured; or return why it cannot be."""
    if not bench.with_peers:
        return "not asked for (--no-peers)"
    try:
        peer = stack.enter_context(jobmon.serving(bench))
    except PeerMissing as error:
        say(f"  Jobmon {jobmon.VERSION} is not measured: {error}")
        return str(error)
    connection = stack.enter_context(bench.connect(peer.database_url))
    for clients in PEER_CLIENTS:
        subjects[f"jobmon_{clients}"] = partial(reports.peer, peer, connection, clients)
    return ""
