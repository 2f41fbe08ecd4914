"""One POST to somebody else's server: its host is looked up once, what was found is checked, and that is connected to.

So no second look-up can lead elsewhere. Redirects are not followed, proxies not used; of the answer the status alone counts.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException

from jobmon_server.ssrf_guard import NOTHING_ELSE, ForbiddenTargets, Target, is_forbidden, target_of

#: Bytes of an answer's first line, and of what follows it, that are read at most.
LONGEST_LINE = 1_024
MOST_BODY = 65_536
#: Seconds that what follows the first line is waited for, so that a polite server need not find its connection reset.
LINGER_SECONDS = 0.5
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})\b")


class Undelivered(Exception):
    """It was not taken; the message says why."""


class _Deadline:
    """So many seconds for everything together, however slowly the bytes come."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left; TimeoutError if there are none."""
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("timed out")
        return seconds


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    seconds: float,
    also: ForbiddenTargets = NOTHING_ELSE,
) -> None:
    """Post; raise Undelivered unless it was answered with 2xx in time.

    Args:
        url: where to.
        body: what.
        headers: of the request.
        seconds: for everything together.
        also: where a site posts nothing to, beside what nobody may.
    """
    deadline = _Deadline(seconds)
    try:
        target = target_of(url)
        with _connect(target, deadline, also) as connected:
            status = _exchange(connected, target, body, headers, deadline)
    except (OSError, HTTPException, ValueError) as error:
        raise Undelivered(f"{type(error).__name__}: {error}") from error
    if not 200 <= status < 300:
        hint = "; redirects are not followed" if 300 <= status < 400 else ""
        raise Undelivered(f"answered with HTTP status {status}{hint}")


def _connect(target: Target, deadline: _Deadline, also: ForbiddenTargets) -> socket.socket:
    """Connect to the first of the host's addresses that answers; Undelivered if it or any of them is forbidden."""
    if also.has_host(target.host):
        raise Undelivered(f"{target.host} is where nothing is posted to")
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    for address in addresses:
        if is_forbidden(address, also):
            raise Undelivered(f"{target.host} leads to {address}, where nothing is posted to")
    failure: OSError = OSError(f"{target.host} has no address")
    for address in addresses:
        try:
            connected = socket.create_connection((address, target.port), deadline.left())
        except OSError as error:
            failure = error
        else:
            return _secured(connected, target) if target.scheme == "https" else connected
    raise failure


def _secured(connected: socket.socket, target: Target) -> socket.socket:
    """Speak TLS with the host that the URL names, whatever address it has."""
    try:
        return ssl.create_default_context().wrap_socket(connected, server_hostname=target.host)
    except BaseException:
        connected.close()
        raise


def _exchange(
    connected: socket.socket, target: Target, body: bytes, headers: Mapping[str, str], deadline: _Deadline
) -> int:
    """Send the request and return the status of the answer."""
    connected.settimeout(deadline.left())
    connection = HTTPConnection(target.host, target.port)
    connection.sock = connected
    said = {"Host": target.place, "Connection": "close", "Content-Type": "application/json"}
    connection.request("POST", target.path, body=body, headers={**said, **headers})
    line = b""
    while b"\n" not in line and len(line) < LONGEST_LINE:
        connected.settimeout(deadline.left())
        piece = connected.recv(LONGEST_LINE)
        if not piece:
            break
        line += piece
    found = _STATUS_LINE.match(line)
    if found is None:
        raise Undelivered("the answer is not HTTP" if line else "closed without an answer")
    _read_off(connected)
    return int(found[1])


def _read_off(connected: socket.socket) -> None:
    """Let the other side finish what it says, if it is short."""
    linger, read = _Deadline(LINGER_SECONDS), 0
    with suppress(OSError):
        while read < MOST_BODY:
            connected.settimeout(linger.left())
            piece = connected.recv(MOST_BODY)
            if not piece:
                return
            read += len(piece)
