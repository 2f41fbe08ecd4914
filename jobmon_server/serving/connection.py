"""One client's connection: uvicorn's, with an end to what is slow, half said or never read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from jobmon_server.serving.held_bytes import HeldBytes
from jobmon_server.serving.refused_request import whole_refusal

#: Bytes of a request's head.
LONGEST_HEAD = 65_536
#: Seconds that a server which ends waits for the rest of a request, and for a reply to be taken.
LAST_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What every connection of a process is held to: seconds for a head and for a reply, how many there may be.

    `waiting` has those whose next request is not there yet, who has waited longest first.
    """

    head_seconds: float
    reply_seconds: float
    connections: int
    unsent: HeldBytes
    waiting: dict[BoundedConnection, None] = field(default_factory=dict)


class BoundedConnection(HttpToolsProtocol):
    """An idle connection, a head that does not end and a reply that nobody reads cost memory for a limited time, and no thread.

    A request's body has its limits where it is read, in `wsgi_bridge`.
    """

    def __init__(
        self,
        limits: ConnectionLimits,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Make it for one connection that will be made."""
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._reply_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; who says nothing may stay as long as between two requests."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections and not self._make_room():
            transport.abort()
            return
        self._limits.waiting[self] = None
        self.timeout_keep_alive_task = self._later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        """Read on; from the first bytes of a head its time runs."""
        super().data_received(data)
        if self.transport.is_closing():
            return
        if not self._is_answering():
            self._head_bytes += len(data)
            if self._head_timer is None:
                self._head_timer = self._later(self._limits.head_seconds, self._refuse_slow_head)
            if self._head_bytes > LONGEST_HEAD:
                self._refuse(
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                    f"A request's head may have {LONGEST_HEAD} bytes.",
                )
        elif self._head_timer is not None:
            self._forget_head()

    def on_message_begin(self) -> None:
        """Let the application know the connection that brings the request."""
        super().on_message_begin()
        self.scope["state"]["connection"] = self

    def on_message_complete(self) -> None:
        """Keep the place from now on: all of the request is there."""
        super().on_message_complete()
        self._limits.waiting.pop(self, None)

    def send_400_response(self, msg: str) -> None:
        """Reply in our form to what is no HTTP."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def on_response_complete(self) -> None:
        """Go on with the next request; the last reply of a connection must be taken in time."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._begin_reply_time()
        elif not self._is_answering():
            self._limits.waiting[self] = None

    def pause_writing(self) -> None:
        """Learn that a reply is not taken as fast as it comes."""
        super().pause_writing()
        self._begin_reply_time()
        self._limits.unsent.hold(self, self.transport.get_write_buffer_size(), self.cut)

    def resume_writing(self) -> None:
        """Learn that it was taken."""
        super().resume_writing()
        self._limits.unsent.release(self)
        if not self.transport.is_closing():
            self._forget_reply()

    def timeout_keep_alive_handler(self) -> None:
        """End an idle connection, with whatever it has not taken."""
        if self.transport.get_write_buffer_size():
            self.cut()
        else:
            super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """End, as the server does: after the reply, but not for a client that keeps us waiting."""
        super().shutdown()
        self._later(LAST_SECONDS, self._cut_if_it_keeps_us_waiting)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget all that was kept for it."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._forget_head()
        self._forget_reply()
        self._limits.unsent.release(self)
        self._limits.waiting.pop(self, None)

    def cut(self) -> None:
        """End the connection now; what was not sent is lost."""
        self.transport.abort()

    def _make_room(self) -> bool:
        """End the connection that has waited longest for its next request; False if all have one that is to be answered."""
        longest = next(iter(self._limits.waiting), None)
        if longest is None:
            return False
        del self._limits.waiting[longest]
        longest.cut()
        return True

    def _cut_if_it_keeps_us_waiting(self) -> None:
        is_half_said = self._is_answering() and self.cycle.more_body
        if is_half_said or self.transport.get_write_buffer_size():
            self.cut()

    def _is_answering(self) -> bool:
        """Tell whether the head of a request is there that has no whole reply yet."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _begin_reply_time(self) -> None:
        if self._reply_timer is None:
            self._reply_timer = self._later(self._limits.reply_seconds, self.cut)

    def _refuse_slow_head(self) -> None:
        self._refuse(
            HTTPStatus.REQUEST_TIMEOUT,
            f"A request's head must be there within {self._limits.head_seconds:g} seconds.",
        )

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        self._forget_head()
        self.transport.write(whole_refusal(status, message))
        self.transport.close()
        self._begin_reply_time()

    def _forget_head(self) -> None:
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _forget_reply(self) -> None:
        if self._reply_timer is not None:
            self._reply_timer.cancel()
            self._reply_timer = None

    def _later(self, seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        return self.loop.call_later(seconds, call)
