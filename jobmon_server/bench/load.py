"""The load: several processes, raw sockets, requests encoded beforehand; what they cost themselves is part of the figures.

Each client is one connection that sends a request, waits for its reply and sends the next (a closed loop). A script is what one
worker says, in its order, on one connection; clients of a process take the next script from one heap.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import select
import socket
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Barrier
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from jobmon_server.bench.numbers import milliseconds

FORK = multiprocessing.get_context("fork")
PATIENCE = 120.0
"""Seconds without any reply after which what is missing counts as an error."""
PREFIX = "/api/v1"


class Request(NamedTuple):
    """One request, encoded; a good reply has a status below 300 and `wanted` somewhere in it."""

    kind: str
    data: bytes
    wanted: bytes = b""


Script = Sequence[Request]


def request(
    kind: str, path: str, body: Any = None, *, wanted: str = "", method: str = "POST", prefix: str = PREFIX
) -> Request:
    """Encode a request; without a body it is a GET."""
    if body is None:
        head = f"GET {prefix}{path} HTTP/1.1\r\n\r\n"
        return Request(kind, head.encode(), wanted.encode())
    content = json.dumps(body, separators=(",", ":")).encode()
    head = (
        f"{method} {prefix}{path} HTTP/1.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return Request(kind, head.encode() + content, wanted.encode())


def addressed(scripts: Sequence[Script], url: str, token: str) -> Sequence[Script]:
    """Add the headers that depend on the server: Host, and the token that it asks for, if any."""
    credentials = f"Authorization: Bearer {token}\r\n" if token else ""
    lines = f"\r\nHost: {urlsplit(url).netloc}\r\n{credentials}".encode()
    return [[one._replace(data=one.data.replace(b"\r\n", lines, 1)) for one in script] for script in scripts]


@dataclass
class Load:
    """What a load came to."""

    seconds: float = 0.0
    requests: int = 0
    errors: int = 0
    first_error: str = ""
    driver_cpu: float = 0.0
    ran_dry: bool = False
    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    began: float = 0.0
    ended: float = 0.0

    @property
    def rate(self) -> float:
        """Good replies a second."""
        return self.requests / self.seconds if self.seconds else 0.0

    def figures(self) -> dict[str, Any]:
        """What goes into the report."""
        return {
            "per_second": round(self.rate, 1),
            "requests": self.requests,
            "errors": self.errors,
            **({"first_error": self.first_error} if self.errors else {}),
            "driver_cores": round(self.driver_cpu / self.seconds, 3) if self.seconds else None,
            "milliseconds": {kind: milliseconds(values) for kind, values in sorted(self.latencies.items())},
            **({"ran_dry": True} if self.ran_dry else {}),
        }


class Client:
    """One connection and where it is in its script."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._buffer = bytearray()
        self.script: deque[Request] = deque()
        self.current: Request | None = None
        self.sent_at = 0.0
        self.socket = self._connect()

    def _connect(self) -> socket.socket:
        made = socket.create_connection(self._address, timeout=30)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def reconnect(self) -> None:
        """Begin anew on another connection."""
        self.socket.close()
        self._buffer.clear()
        self.socket = self._connect()

    def send(self) -> None:
        """Send the next request of the script."""
        self.current = self.script.popleft()
        self.sent_at = time.perf_counter()
        self.socket.sendall(self.current.data)

    def receive(self) -> tuple[int, bytes, bool] | None:
        """Read; status, body and whether the server closes, when the reply is whole. Raise ConnectionError when it never will be."""
        piece = self.socket.recv(262_144)
        if not piece:
            raise ConnectionError("closed")
        self._buffer += piece
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self._buffer[:end]).lower()
        at = head.find(b"content-length:")
        if at < 0:
            raise ConnectionError("a reply without a length")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(self._buffer) < end + 4 + length:
            return None
        body = bytes(self._buffer[end + 4 : end + 4 + length])
        del self._buffer[: end + 4 + length]
        return int(head[9:12]), body, b"connection: close" in head


class Process:
    """The clients of one process of the driver."""

    def __init__(self, url: str, scripts: Sequence[Script], *, is_fresh: bool) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._is_fresh = is_fresh
        self._scripts = deque(scripts)
        self._poll = select.epoll()
        self._clients: dict[int, Client] = {}
        self._idle: list[Client] = []
        self._load = Load()
        self._deadline = 0.0

    def connect(self, clients: int) -> None:
        """Open the connections."""
        self._idle = [Client(self._address) for _ in range(clients)]

    def run(self, seconds: float | None) -> Load:
        """Send until the time is over or the scripts are."""
        load = self._load
        load.began = time.monotonic()
        self._deadline = load.began + (seconds if seconds is not None else 86_400)
        cpu = time.process_time()
        for client in self._idle:
            self._next(client)
        while self._clients:
            events = self._poll.poll(PATIENCE)
            if not events:
                load.errors += len(self._clients)
                load.first_error = load.first_error or "no reply"
                break
            for number, _ in events:
                self._answered(self._clients[number])
        load.driver_cpu = time.process_time() - cpu
        load.ended = time.monotonic()
        load.ran_dry = seconds is not None and load.ended < self._deadline
        return load

    def _watch(self, client: Client) -> None:
        self._clients[client.socket.fileno()] = client
        self._poll.register(client.socket.fileno(), select.EPOLLIN)

    def _forget(self, client: Client) -> None:
        number = client.socket.fileno()
        if self._clients.pop(number, None) is not None:
            self._poll.unregister(number)

    def _next(self, client: Client) -> None:
        """Let a client say its next word, or end."""
        if not client.script:
            if not self._scripts or time.monotonic() >= self._deadline:
                self._forget(client)
                client.socket.close()
                return
            if self._is_fresh and client.current is not None:
                self._forget(client)
                client.reconnect()
            client.script.extend(self._scripts.popleft())
        if client.socket.fileno() not in self._clients:
            self._watch(client)
        client.send()

    def _answered(self, client: Client) -> None:
        sent, load = client.current, self._load
        if sent is None:
            return
        try:
            reply = client.receive()
        except OSError as error:
            self._failed(client, f"{sent.kind}: {type(error).__name__}: {error}", lost=True)
            return
        if reply is None:
            return
        now = time.perf_counter()
        status, body, closes = reply
        if status >= 300 or sent.wanted not in body:
            self._failed(client, f"{sent.kind}: {status} {body[:300]!r}", lost=closes)
            return
        load.requests += 1
        load.latencies[sent.kind].append(now - client.sent_at)
        self._go_on(client, lost=closes)

    def _failed(self, client: Client, what: str, *, lost: bool) -> None:
        self._load.errors += 1
        self._load.first_error = self._load.first_error or what
        client.script.clear()
        self._go_on(client, lost=lost)

    def _go_on(self, client: Client, *, lost: bool) -> None:
        if lost:
            self._forget(client)
            client.reconnect()
        self._next(client)


def _child(process: Process, clients: int, seconds: float | None, start: Barrier, answer: Pipe) -> None:
    process.connect(clients)
    start.wait(60)
    load = process.run(seconds)
    load.latencies = dict(load.latencies)
    answer.send(load)
    answer.close()


def drive(
    url: str,
    scripts: Sequence[Script],
    clients: int = 1,
    *,
    seconds: float | None = None,
    is_fresh: bool = False,
    token: str = "",
) -> Load:
    """Send the scripts with so many clients, for so long at most; `is_fresh`: each script on a connection of its own."""
    scripts = addressed(scripts, url, token)
    count = min(clients, len(os.sched_getaffinity(0)), max(1, len(scripts)))
    shares = [clients // count + (number < clients % count) for number in range(count)]
    processes = [Process(url, scripts[number::count], is_fresh=is_fresh) for number in range(count)]
    return together(
        _child, [(process, share, seconds) for process, share in zip(processes, shares, strict=True)]
    )


def together(child: Callable[..., None], given: Sequence[tuple[Any, ...]]) -> Load:
    """Run a child process for each of these arguments, which waits at a barrier and answers by a pipe; join what they came to."""
    start = FORK.Barrier(len(given))
    children = []
    for arguments in given:
        ours, theirs = FORK.Pipe(duplex=False)
        process = FORK.Process(target=child, args=(*arguments, start, theirs))
        process.start()
        theirs.close()
        children.append((process, ours))
    loads = []
    for process, ours in children:
        loads.append(ours.recv())
        process.join()
    return joined(loads)


def joined(loads: Sequence[Load]) -> Load:
    """Make one of what the processes of a driver came to."""
    total = Load(began=min(one.began for one in loads), ended=max(one.ended for one in loads))
    total.seconds = total.ended - total.began
    for one in loads:
        total.requests += one.requests
        total.errors += one.errors
        total.first_error = total.first_error or one.first_error
        total.driver_cpu += one.driver_cpu
        total.ran_dry = total.ran_dry or one.ran_dry
        for kind, values in one.latencies.items():
            total.latencies[kind] += values
    return total
