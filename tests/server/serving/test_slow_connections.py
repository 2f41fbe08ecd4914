"""Slow, half-said and silent connections cost nobody else a thread, and end after their time."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path as FilePath
from socket import socket

import pytest

from jobmon_server.bench.machine import family
from tests.support.path import Path, task
from tests.support.remote import Remote
from tests.support.server import LiveServer, serve
from tests.support.slow_clients import (
    HALF_BODY,
    HALF_HEAD,
    KINDS,
    LONG_REPLY,
    SMALL_BUFFER,
    connect,
    half_body,
    half_head,
    held,
    is_open,
    rest_of,
    saying,
    silent,
)
from tests.support.waiting import eventually

HERE = "tests/server/serving/test_slow_connections.py"
#: Far more than the threads, of which there are two.
SOME = 200
MANY = 1_000
CHUNKED = (
    b"POST /api/v1/workflow HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def server(database_url: str, tmp_path: FilePath) -> Iterator[LiveServer]:
    """One process of two threads."""
    with serve(database_url, tmp_path, "--no-auth", "--workers", "1", "--threads", "2") as server:
        yield server


@pytest.fixture
def hasty(database_url: str, tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveServer]:
    """One whose limits are short."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "jobmon").mkdir()
    (tmp_path / "jobmon" / "server.toml").write_text(
        "head_timeout = 0.5\nbody_timeout = 0.5\nreply_timeout = 0.5\n"
    )
    with serve(database_url, tmp_path, "--no-auth", "--workers", "1", "--threads", "2") as server:
        yield server


def work(server: LiveServer) -> None:
    """Ask for the health and bring a task from its bind to its end, each call within its client's patience."""
    path = Path(Remote(server.url)).bind(task("a")).start()
    assert path.client.get("/health").status_code == 200
    assert path.done(path.run_one()).status_code == 200
    assert path.workflow()["status"] == "DONE"


def check_that_held_ones_cost_nothing(server: LiveServer, kind: Callable[[str], socket], number: int) -> None:
    with held(server.url, kind, number) as connections:
        work(server)
        assert sum(map(is_open, connections)) == number


@pytest.mark.parametrize("kind", KINDS)
def test_connections_that_are_held_cost_nobody_a_thread(
    server: LiveServer, kind: Callable[[str], socket]
) -> None:
    check_that_held_ones_cost_nothing(server, kind, SOME)


@pytest.mark.long(
    sibling="tests/server/serving/test_slow_connections.py::test_connections_that_are_held_cost_nobody_a_thread"
)
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_connections_that_are_held_cost_nobody_a_thread(
    database_url: str,
    tmp_path: FilePath,
    monkeypatch: pytest.MonkeyPatch,
    kind: Callable[[str], socket],
) -> None:
    # So many take a while to be made here; none of them may be over its time before the last one is there.
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "jobmon").mkdir()
    (tmp_path / "jobmon" / "server.toml").write_text(
        "head_timeout = 300\nbody_timeout = 300\nreply_timeout = 300\n"
    )
    with serve(database_url, tmp_path, "--no-auth", "--workers", "1", "--threads", "2") as server:
        check_that_held_ones_cost_nothing(server, kind, MANY)


@pytest.mark.parametrize(("words", "what"), [(HALF_HEAD, b"head"), (HALF_BODY, b"body")])
def test_a_request_that_is_not_said_in_its_time_is_refused(
    hasty: LiveServer, words: bytes, what: bytes
) -> None:
    told = rest_of(saying(hasty.url, words))

    assert told.startswith(b"HTTP/1.1 408 ")
    assert b"A request's " + what + b" must be there within 0.5 seconds." in told
    work(hasty)


@pytest.mark.parametrize("words", [HALF_HEAD, HALF_BODY, b""])
def test_a_request_that_goes_on_byte_by_byte_ends_too(hasty: LiveServer, words: bytes) -> None:
    with saying(hasty.url, words) as connection:

        def say_more() -> bool:
            try:
                connection.sendall(b"a" if words else b"\r\n")
            except OSError:
                return True
            return not is_open(connection)

        eventually(say_more, 20, what="the connection is closed")


def test_a_request_in_pieces_is_answered_within_its_time(server: LiveServer) -> None:
    with connect(server.url) as connection:
        for piece in (HEALTH[:1], HEALTH[1:20], HEALTH[20:-1]):
            connection.sendall(piece)
            assert is_open(connection)
        connection.sendall(HEALTH[-1:])
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 OK")


def test_a_body_in_chunks_is_read_whole(server: LiveServer) -> None:
    with saying(server.url, CHUNKED + b'9\r\n{"name": \r\n') as connection:
        assert is_open(connection)
        connection.sendall(b'4\r\n"w"}\r\n0\r\n\r\n')
        assert connection.recv(65_536).startswith(b"HTTP/1.1 201 ")


def test_a_reply_that_is_not_read_in_its_time_is_cut(hasty: LiveServer) -> None:
    connection = connect(hasty.url, SMALL_BUFFER)
    connection.sendall(LONG_REPLY * 100)
    # It is being served, so the server has its end of it.
    assert connection.recv(1)
    assert is_served(connection)
    eventually(lambda: not is_served(connection), 20, what="the server closes the connection")
    assert rest_of(connection).count(b"HTTP/1.1 200 OK") < 100
    work(hasty)


def is_served(connection: socket) -> bool:
    """Whether the server's end of a connection is open: ESTABLISHED, as the kernel lists it."""
    ours, theirs = connection.getsockname()[1], connection.getpeername()[1]
    listed = [line.split() for line in FilePath("/proc/net/tcp").read_text().splitlines()[1:]]
    ends = {(one[1].rpartition(":")[2], one[2].rpartition(":")[2]): one[3] for one in listed}
    return ends.get((f"{theirs:04X}", f"{ours:04X}")) == "01"


@pytest.mark.parametrize("kind", KINDS)
def test_who_holds_a_connection_does_not_hold_up_the_end(
    server: LiveServer, kind: Callable[[str], socket]
) -> None:
    with held(server.url, kind, 20):
        work(server)
        assert server.stop() == 0
    assert "timeout" not in server.log.read_text()


def test_what_is_no_http_is_refused_in_our_form(server: LiveServer) -> None:
    told = rest_of(saying(server.url, b"\x16\x03\x01\x00\r\n\r\n"))

    assert told.startswith(b"HTTP/1.1 400 ")
    assert b'"code": "malformed"' in told


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"414"),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 70 + b"\r\n", b"431"),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 70_000, b"431"),
        (
            b"POST /api/v1/workflow HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n",
            b"413",
        ),
    ],
)
def test_what_is_too_long_is_refused_before_it_is_read(
    server: LiveServer, words: bytes, status: bytes
) -> None:
    assert rest_of(saying(server.url, words)).startswith(b"HTTP/1.1 " + status)


def test_requests_sent_at_once_are_all_answered_in_order(server: LiveServer) -> None:
    connection = connect(server.url)
    connection.sendall(HEALTH * 9 + b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    told = rest_of(connection)
    assert told.count(b"HTTP/1.1 200 OK") == 9
    assert told.rindex(b"HTTP/1.1 200 OK") < told.index(b"HTTP/1.1 404 ")


def test_a_process_that_is_killed_is_replaced(server: LiveServer) -> None:
    pid = server.process.pid
    eventually(lambda: len(family(pid)) == 2)
    (worker,) = set(family(pid)) - {pid}
    work(server)
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: worker not in family(pid) and len(family(pid)) == 2)
    work(server)


def test_silent_and_half_said_connections_together_leave_all_threads_free(server: LiveServer) -> None:
    with held(server.url, silent, 50), held(server.url, half_head, 50), held(server.url, half_body, 50):
        work(server)
