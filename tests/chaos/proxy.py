"""A TCP proxy that misbehaves when told to: it loses replies, cuts them, resets, stalls and refuses connections."""

from __future__ import annotations

import contextlib
import enum
import select
import socket
import struct
import threading
import time
from collections import deque

POLL = 0.05
"""Seconds within which every connection hears of a reset."""
PATIENCE = 10.0
"""Seconds that one side may refuse to take what the other has sent."""
CHUNK = 65_536
AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER: closing sends a reset."""


class Fault(enum.StrEnum):
    """What the network can do: two to the next replies, one to what is open now, four for a while."""

    DROP = "drop"  # the request was passed on; its reply is lost and the connection reset
    CUT = "cut"  # half of the reply arrives, then the end of the connection
    RESET = "reset"  # every open connection
    STALL = "stall"  # nothing moves; what was sent arrives late
    REFUSE = "refuse"  # new connections are closed at once
    ISOLATE = "isolate"  # open connections are reset, new ones are closed at once
    DEAFEN = "deafen"  # requests arrive, no reply does


class Proxy:
    """Passes connections to `upstream` on the loopback address; listens on `port` until it is closed."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self._armed: deque[Fault] = deque()
        self._generation = 0
        self._stalled_until = self._refused_until = self._deaf_until = 0.0
        self._stop = threading.Event()
        self._accepting = threading.Thread(target=self._accept, name=f"proxy {self.port}", daemon=True)
        self._accepting.start()

    def inject(self, fault: Fault, amount: float) -> None:
        """Do it; `amount` is how many replies it hits, or for how many seconds it lasts."""
        until = time.monotonic() + amount
        if fault is Fault.STALL:
            self._stalled_until = until
        if fault in {Fault.REFUSE, Fault.ISOLATE}:
            self._refused_until = until
        if fault is Fault.DEAFEN:
            self._deaf_until = until
        if fault in {Fault.RESET, Fault.ISOLATE}:
            self._generation += 1
        if fault in {Fault.DROP, Fault.CUT}:
            self._armed.extend([fault] * round(amount))

    def close(self) -> None:
        """Listen no more, and reset what is open."""
        self._stop.set()
        self._accepting.join(5)
        self._listener.close()

    def _accept(self) -> None:
        self._listener.settimeout(POLL)
        while not self._stop.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            if time.monotonic() < self._refused_until:
                reset(client)
                continue
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._upstream), timeout=PATIENCE)
        except OSError:
            reset(client)
            return
        for side in (client, server):
            side.settimeout(PATIENCE)
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        gentle = False
        try:
            gentle = self._pass_on(client, server)
        except OSError:
            pass  # one side is gone: the other hears of it by the reset below
        finally:
            for side in (client, server):
                side.close() if gentle else reset(side)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> bool:
        """Carry bytes both ways; return whether the connection ended as connections do."""
        generation = self._generation
        while not self._stop.is_set() and self._generation == generation:
            readable, _, _ = select.select([client, server], [], [], POLL)
            for side in readable:
                self._stall()
                data = side.recv(CHUNK)
                if not data:
                    return True
                fault = self._next_fault() if side is server else None
                if fault is Fault.DROP:
                    return False
                if fault is Fault.CUT:
                    client.sendall(data[: len(data) // 2])
                    return True
                (client if side is server else server).sendall(data)
        return False

    def _next_fault(self) -> Fault | None:
        """Return what befalls the reply that has come."""
        if time.monotonic() < self._deaf_until:
            return Fault.DROP
        return self._armed.popleft() if self._armed else None

    def _stall(self) -> None:
        self._stop.wait(max(0.0, self._stalled_until - time.monotonic()))


def reset(side: socket.socket) -> None:
    """Close it so that the other end sees a reset."""
    with contextlib.suppress(OSError):
        side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    side.close()
