"""Somebody's HTTP server that callbacks are posted to: it keeps what it got, and fails as it is told to."""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

#: Instead of a status: close without an answer, say what is no HTTP, answer byte by byte for as long as it is waited for.
DROP, BABBLE, DRIP = 0, -1, -2


@dataclass(frozen=True)
class Got:
    """One request."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class Receiver:
    """Listens on a free port of loopback while the `with` lasts; answers what `script` says, then 204."""

    def __init__(self, *script: int) -> None:
        self.got: list[Got] = []
        self.script = deque(script)
        self.hold = threading.Event()
        self.hold.set()
        self.arrived = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.handle(self)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        self._http.shutdown()
        self._http.server_close()

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/news?of=jobmon"

    @property
    def statuses(self) -> list[str]:
        """What it was told, in order."""
        return [one.body["status"] for one in self.got]

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        self.got.append(Got(handler.path, dict(handler.headers), body))
        self.arrived.set()
        self.hold.wait(30)
        status = self.script.popleft() if self.script else 204
        handler.close_connection = True
        if status == BABBLE:
            handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        elif status == DRIP:
            self._drip(handler)
        elif status != DROP:
            handler.send_response(status)
            handler.send_header("Location", f"http://127.0.0.1:{self.port}/elsewhere")
            handler.end_headers()

    def _drip(self, handler: BaseHTTPRequestHandler) -> None:
        pause = threading.Event()
        try:
            for byte in b"HTTP/1.1 200 OK" + b" " * 500:
                handler.wfile.write(bytes([byte]))
                pause.wait(0.05)
        except OSError:
            return
