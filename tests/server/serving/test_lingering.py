"""Threads stay with their connections while nobody else needs one, and leave them at once when somebody does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path as FilePath

import pytest
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER

from jobmon_server.serving.keepalive_worker import LINGER
from tests.support.server import LiveServer, serve

ROUNDS = 10


@pytest.fixture
def server(database_url: str, tmp_path: FilePath) -> Iterator[LiveServer]:
    """One process, of one thread: whoever else asks needs the thread that lingers."""
    with serve(database_url, tmp_path, "--workers", "1", "--threads", "1") as server:
        yield server


def connect(stack: ExitStack, server: LiveServer) -> HTTPConnection:
    """A connection of its own, kept open."""
    connection = HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    stack.callback(connection.close)
    return connection


def ask(connection: HTTPConnection) -> None:
    """One request on the connection, which stays open."""
    connection.request("GET", "/health")
    reply = connection.getresponse()
    assert reply.status == 200
    assert reply.read()
    assert not reply.will_close


def test_who_asks_next_does_not_wait_for_a_thread_that_only_waits(server: LiveServer) -> None:
    with ExitStack() as stack:
        connections = [connect(stack, server) for _ in range(3)]
        began = time.monotonic()
        for _ in range(ROUNDS):
            for connection in connections:
                ask(connection)
        # Every request but the first finds the thread at another connection: called by none, it would stay for LINGER.
        assert time.monotonic() - began < ROUNDS * LINGER / 2


def test_requests_sent_at_once_are_all_answered_in_order(server: LiveServer) -> None:
    with ExitStack() as stack:
        connection = connect(stack, server)
        ask(connection)
        request = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
        connection.sock.sendall(request * ROUNDS)
        connection.sock.settimeout(20)
        told = b""
        while told.count(b"HTTP/1.1 200 OK") < ROUNDS:
            told += connection.sock.recv(65536)


def test_a_connection_left_by_its_thread_is_served_again(server: LiveServer) -> None:
    with ExitStack() as stack:
        connection = connect(stack, server)
        ask(connection)
        threading.Event().wait(LINGER + 0.5)
        ask(connection)


def test_a_thread_that_waits_for_more_does_not_hold_up_the_end(server: LiveServer) -> None:
    with ExitStack() as stack:
        connection = connect(stack, server)
        ask(connection)
        began = time.monotonic()
        assert server.stop() == 0
        # As long as gunicorn keeps an open connection for a request that is on its way, and not LINGER beside.
        assert time.monotonic() - began < STOP_KEEPALIVE_LINGER + LINGER
