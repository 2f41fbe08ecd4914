"""Whose process is at the other end: asked of the connection itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jobmon_client.access.peer import peer_uid

SOMEBODY = 65_533
#: Listens at the address that is its first argument, accepts one connection if the second says so, and waits for its stdin to end.
LISTENER = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
listening = socket.create_server((sys.argv[1], 0), family=family, dualstack_ipv6=sys.argv[1] == "::")
print(listening.getsockname()[1], flush=True)
kept = listening.accept() if sys.argv[2] == "accept" else None
sys.stdin.read()
"""


@contextmanager
def listener(address: str, how: str, user: int) -> Iterator[int]:
    """A process of a user that listens; its port."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", LISTENER, address, how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        user=user,
        group=user,
        extra_groups=[],
        cwd="/",
    )
    assert process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.communicate()


@pytest.mark.parametrize(
    ("listens", "called"),
    [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "127.0.0.1"), ("0.0.0.0", "127.0.0.1")],  # noqa: S104
)
@pytest.mark.parametrize("user", [os.geteuid(), SOMEBODY])
def test_it_is_the_user_of_the_process_that_accepted(listens: str, called: str, user: int) -> None:
    with listener(listens, "accept", user) as port, socket.create_connection((called, port)) as connection:
        assert peer_uid(connection, 20) == user


def test_a_connection_that_nobody_accepted_is_nobodys() -> None:
    with (
        listener("127.0.0.1", "keep", SOMEBODY) as port,
        socket.create_connection(("127.0.0.1", port)) as connection,
    ):
        assert peer_uid(connection, 0.2) is None


def test_a_connection_that_is_over_is_nobodys() -> None:
    one, other = socket.socketpair()
    one.close()
    other.close()
    with socket.socket() as never_connected:
        assert peer_uid(never_connected, 0.1) is None
