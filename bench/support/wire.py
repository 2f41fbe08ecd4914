"""One caller that keeps its connection and times the call alone: what is encoded and decoded on its side is not counted."""

from __future__ import annotations

import http.client
import json
import time
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from bench.support.load import PREFIX

TIMEOUT = 600


class Wire:
    """Calls of one server; `seconds` is what the last one took."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "127.0.0.1", parts.port, timeout=TIMEOUT
        )
        self.seconds = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def get(self, path: str) -> dict[str, Any]:
        """Ask."""
        return self._call("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Say."""
        return self._call("POST", path, json.dumps(body, separators=(",", ":")).encode())

    def _call(self, method: str, path: str, content: bytes | None) -> dict[str, Any]:
        headers = {} if content is None else {"Content-Type": "application/json"}
        began = time.perf_counter()
        self._connection.request(method, PREFIX + path, content, headers)
        reply = self._connection.getresponse()
        found = reply.read()
        self.seconds = time.perf_counter() - began
        assert reply.status < 300, (method, path, reply.status, found[:500])
        body: dict[str, Any] = json.loads(found)
        return body
