"""Between the event loop and the application: a request reaches a thread when all of it is there, and leaves it before it is sent."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from jobmon_server.config import Settings
from jobmon_server.serving.held_bytes import HeldBytes
from jobmon_server.serving.refused_request import headers, refusal

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

#: Bytes of a path and its query, and how many headers: the API's are short; what is longer is not ours.
LONGEST_TARGET = 8_190
MOST_HEADERS = 64
#: So many bodies of the largest size may be half there at once, in memory; see `HeldBytes`.
LARGEST_BODIES = 2
#: From whom `X-Forwarded-Proto` is believed: a proxy of this machine.
TRUSTED_PEERS = frozenset({"127.0.0.1", "::1"})
#: Headers of which WSGI has its own names.
UNPREFIXED = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}


class Reply(NamedTuple):
    """What the application said."""

    status: int
    headers: Headers
    body: bytes


class RequestRefused(Exception):
    """The request is answered without the application."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Gone(Exception):
    """Nobody waits for a reply any more."""


class WsgiBridge:
    """An ASGI application that calls a WSGI one in a pool of threads."""

    def __init__(self, application: Any, settings: Settings, *, many_processes: bool) -> None:
        """Take the application; `threads` of the settings run it."""
        self._application = application
        self._most = settings.max_content_length
        self._body_seconds = settings.body_timeout
        self._half_said = HeldBytes(LARGEST_BODIES * settings.max_content_length)
        self._pool = ThreadPoolExecutor(settings.threads, "request")
        self._environ: dict[str, Any] = {
            "SCRIPT_NAME": "",
            "wsgi.version": (1, 0),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": many_processes,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            _check_head(scope)
            environ = {**self._environ, **environ_of(scope)}
            is_read = await self._read(scope, environ, receive)
        except RequestRefused as refused:
            body = refusal(refused.message)
            await _send(send, Reply(refused.status, headers(body), body))
            return
        except Gone:
            return
        reply = await asyncio.get_running_loop().run_in_executor(self._pool, self._call, environ)
        if not is_read:
            reply.headers.append((b"connection", b"close"))
        await _send(send, reply)

    async def _read(self, scope: Scope, environ: dict[str, Any], receive: Receive) -> bool:
        """Put the body into the environment; False if it is too large to be read, which the application says then."""
        if int(environ.get("CONTENT_LENGTH", 0)) > self._most:
            environ["wsgi.input"] = io.BytesIO()
            return False
        body = await self._body(scope, receive)
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        return len(body) <= self._most

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """Return the whole body, or what there is of one that is too large."""
        body = bytearray()
        connection = scope["state"]["connection"]
        try:
            async with asyncio.timeout(self._body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Gone
                    if not body and not message["more_body"]:
                        return bytes(message["body"])
                    body += message["body"]
                    if not message["more_body"] or len(body) > self._most:
                        return bytes(body)
                    self._half_said.hold(connection, len(body), connection.cut)
        except TimeoutError:
            raise RequestRefused(
                HTTPStatus.REQUEST_TIMEOUT,
                f"A request's body must be there within {self._body_seconds:g} seconds.",
            ) from None
        finally:
            self._half_said.release(connection)

    def _call(self, environ: dict[str, Any]) -> Reply:
        """Run the application, in a thread."""
        begun: list[Any] = []

        def start_response(status: str, given: list[tuple[str, str]], *_error: Any) -> None:
            begun[:] = status, given

        produced: Iterable[bytes] = self._application(environ, start_response)
        try:
            body = b"".join(produced)
        finally:
            if close := getattr(produced, "close", None):
                close()
        status, given = begun
        encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in given]
        return Reply(int(status[:3]), encoded, body)


def environ_of(scope: Scope) -> dict[str, Any]:
    """Return what WSGI says of a request; names with an underscore are left out, for they could pass for others."""
    client, server = scope["client"] or ("", 0), scope["server"] or ("", 0)
    environ = {
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
    }
    for name, value in scope["headers"]:
        key = _key(name)
        if key in environ:
            environ[key] += "," + value.decode("latin-1")
        elif key:
            environ[key] = value.decode("latin-1")
    is_https = client[0] in TRUSTED_PEERS and environ.get("HTTP_X_FORWARDED_PROTO") == "https"
    environ["wsgi.url_scheme"] = "https" if is_https else "http"
    return environ


@lru_cache(maxsize=256)
def _key(name: bytes) -> str:
    if b"_" in name:
        return ""
    return UNPREFIXED.get(name) or "HTTP_" + name.decode("latin-1").upper().replace("-", "_")


def _check_head(scope: Scope) -> None:
    if len(scope["raw_path"]) + len(scope["query_string"]) > LONGEST_TARGET:
        raise RequestRefused(
            HTTPStatus.REQUEST_URI_TOO_LONG, f"A path and its query may have {LONGEST_TARGET} bytes."
        )
    if len(scope["headers"]) > MOST_HEADERS:
        raise RequestRefused(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"A request may have {MOST_HEADERS} headers."
        )


async def _send(send: Send, reply: Reply) -> None:
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    await send({"type": "http.response.body", "body": reply.body})
