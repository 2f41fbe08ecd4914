"""Whose process is at the other end: asked of the connection itself."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jobmon_client.access.peer import peer_uid
from tests.support.public_python import OTHER_USER, PublicPython

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
def listener(python: PublicPython, address: str, how: str, user: int) -> Iterator[int]:
    """A process of a user that listens; its port."""
    process = subprocess.Popen(
        [python.path, "-I", "-c", LISTENER, address, how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        user=user,
        group=user,
        extra_groups=[],
        env=python.environment,
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
@pytest.mark.parametrize("user", [os.geteuid(), OTHER_USER])
def test_it_is_the_user_of_the_process_that_accepted(
    public_python: PublicPython, listens: str, called: str, user: int
) -> None:
    with (
        listener(public_python, listens, "accept", user) as port,
        socket.create_connection((called, port)) as connection,
    ):
        assert peer_uid(connection, 20) == user


def test_a_connection_that_nobody_accepted_is_nobodys(public_python: PublicPython) -> None:
    with (
        listener(public_python, "127.0.0.1", "keep", OTHER_USER) as port,
        socket.create_connection(("127.0.0.1", port)) as connection,
    ):
        assert peer_uid(connection, 0.2) is None


def test_a_connection_that_is_over_is_nobodys() -> None:
    one, other = socket.socketpair()
    one.close()
    other.close()
    with socket.socket() as never_connected:
        assert peer_uid(never_connected, 0.1) is None
