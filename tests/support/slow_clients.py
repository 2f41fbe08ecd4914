"""Clients that hold a connection up: they say nothing, half a request, or do not read what they asked for."""

from __future__ import annotations

import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

HALF_HEAD = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: "
HALF_BODY = b"POST /api/v1/workflow HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
LONG_REPLY = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
#: Bytes that a reader's socket takes, so that little of a reply is out of the server's hands.
SMALL_BUFFER = 4_096


def connect(url: str, buffer: int = 0) -> socket.socket:
    """A connection of its own, whose kernel keeps few bytes if `buffer` says so."""
    address = urlsplit(url)
    connection = socket.socket()
    if buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.settimeout(30)
    connection.connect((address.hostname, address.port))
    return connection


def silent(url: str) -> socket.socket:
    """Who says nothing."""
    return connect(url)


def half_head(url: str) -> socket.socket:
    """Who stops in the middle of a head."""
    return saying(url, HALF_HEAD)


def half_body(url: str) -> socket.socket:
    """Who stops in the middle of a body."""
    return saying(url, HALF_BODY)


def slow_reader(url: str) -> socket.socket:
    """Who asks for a long reply and does not read it."""
    connection = connect(url, SMALL_BUFFER)
    connection.sendall(LONG_REPLY)
    return connection


def saying(url: str, words: bytes) -> socket.socket:
    """Who has said this much."""
    connection = connect(url)
    connection.sendall(words)
    return connection


KINDS: tuple[Callable[[str], socket.socket], ...] = (silent, half_head, half_body, slow_reader)


@contextmanager
def held(url: str, kind: Callable[[str], socket.socket], number: int) -> Iterator[list[socket.socket]]:
    """So many connections of a kind, open until the block ends."""
    allow_descriptors()
    connections: list[socket.socket] = []
    try:
        connections.extend(kind(url) for _ in range(number))
        yield connections
    finally:
        for one in connections:
            one.close()


def allow_descriptors() -> None:
    """Let this process have as many connections as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def is_open(connection: socket.socket) -> bool:
    """Whether the server has not closed it, so far as its kernel has told ours; reads what is there."""
    connection.setblocking(False)
    try:
        while connection.recv(65_536):
            continue
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False
    finally:
        connection.settimeout(30)
    return False


def rest_of(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection, which is closed here then too."""
    told = b""
    with connection, suppress(ConnectionResetError):
        while piece := connection.recv(65_536):
            told += piece
    return told
