"""Replies to requests that never reach the application, in the form of its own errors."""

from __future__ import annotations

import json
from http import HTTPStatus


def refusal(message: str) -> bytes:
    """Return the body: an error in our form, with the code of a malformed request."""
    error = {"code": "malformed", "message": message, "details": []}
    return json.dumps(
        {"outcome": None, "status": None, "task_status": None, "report_by": None, "error": error}
    ).encode()


def headers(body: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers of a refusal, after which the connection is closed."""
    return [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]


def whole_refusal(status: HTTPStatus, message: str) -> bytes:
    """Return the whole reply, from its status line on, for a connection on which no request was understood."""
    body = refusal(message)
    lines = b"".join(b"%s: %s\r\n" % header for header in headers(body))
    return b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (status, status.phrase.encode(), lines, body)
