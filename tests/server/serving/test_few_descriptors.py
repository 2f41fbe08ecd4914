"""A server with few file descriptors has room for its clients, and who waits longest gives way to who comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path as FilePath
from socket import socket

import pytest

from tests.server.serving.test_slow_connections import HEALTH, work
from tests.support.server import LiveServer, serve
from tests.support.slow_clients import connect, half_body, half_head, held, is_open, silent

#: Fewer than the threads and what every process opens would take.
FEW = 60
SOME = 200
HEALTHY = b'{"status":"ok"}'
#: As many as a run and its workers have to a server.
OF_A_RUN = 5


@pytest.fixture
def server(database_url: str, tmp_path: FilePath) -> Iterator[LiveServer]:
    """One process, as a shell starts it that allows few descriptors."""
    with serve(database_url, tmp_path, "--no-auth", "--workers", "1", limits=f"ulimit -n {FEW}") as server:
        yield server


def answered(connection: socket) -> bool:
    """Whether the health was told here, on a connection that stays."""
    connection.sendall(HEALTH)
    told = b""
    while not told.endswith(HEALTHY) and (piece := connection.recv(65_536)):
        told += piece
    return told.endswith(HEALTHY)


def test_the_clients_of_a_run_have_a_connection_each(server: LiveServer) -> None:
    with held(server.url, silent, OF_A_RUN) as connections:
        for _ in range(2):
            assert all(map(answered, connections))
        assert all(map(is_open, connections))


@pytest.mark.parametrize("kind", [silent, half_head, half_body])
def test_who_holds_all_connections_gives_way(server: LiveServer, kind: Callable[[str], socket]) -> None:
    with held(server.url, kind, SOME) as connections:
        work(server)
        assert not is_open(connections[0])


def test_who_was_answered_last_stays(server: LiveServer) -> None:
    with connect(server.url) as ours, held(server.url, silent, 3):
        assert answered(ours)
        with held(server.url, silent, 4):
            assert answered(ours)
