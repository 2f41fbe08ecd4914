"""One caller that keeps its connection and times the call alone: what is encoded and decoded on its side is not counted."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any, Self
from urllib.parse import urlsplit

from jobmon_server.bench.load import PREFIX
from jobmon_server.errors import JobmonServerError

TIMEOUT = 600


class Caller:
    """Calls of one server; `seconds` is what the last one took."""

    def __init__(self, url: str, token: str = "") -> None:
        """Call the server at this URL, with a token if it asks for one."""
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "127.0.0.1", parts.port, timeout=TIMEOUT
        )
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.seconds = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._connection.close()

    def get(self, path: str) -> dict[str, Any]:
        """Ask."""
        return self._call("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Say."""
        return self._call("POST", path, json.dumps(body, separators=(",", ":")).encode())

    def _call(self, method: str, path: str, content: bytes | None) -> dict[str, Any]:
        headers = self._headers | ({} if content is None else {"Content-Type": "application/json"})
        began = time.perf_counter()
        self._connection.request(method, PREFIX + path, content, headers)
        reply = self._connection.getresponse()
        found = reply.read()
        self.seconds = time.perf_counter() - began
        if reply.status >= 300:
            raise JobmonServerError(f"{method} {path}: {reply.status} {found[:500].decode(errors='replace')}")
        body: dict[str, Any] = json.loads(found)
        return body
