"""The one door by which errors leave: each becomes JSON with an outcome; and the two kinds of number in paths."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.routing import BaseConverter, ValidationError

from jobmon_client.states import Outcome
from jobmon_server.errors import Busy, JobmonServerError, Malformed, TooLarge, Unauthorized, Unknown
from jobmon_server.routes.fields.base import LARGEST_ID
from jobmon_server.routes.http import endpoint

NOBODY = {"status": None, "task_status": None, "report_by": None}
OUTCOMES = {word.value for word in Outcome}

log = structlog.get_logger(__name__)


class IdConverter(BaseConverter):
    """`<id:…>`: 1 to 2^63 - 1; the path of anything else does not exist."""

    regex = "[1-9][0-9]{0,18}"

    def to_python(self, value: str) -> int:
        """Read the digits."""
        number = int(value)
        if number > LARGEST_ID:
            raise ValidationError
        return number


class IndexConverter(IdConverter):
    """`<index:…>`: 0 to 2^63 - 1."""

    regex = "0|[1-9][0-9]{0,18}"


def install(app: Flask) -> None:
    """Give the application its converters and its error door."""
    app.url_map.converters |= {"id": IdConverter, "index": IndexConverter}
    app.register_error_handler(JobmonServerError, refuse)
    app.register_error_handler(HTTPException, refuse_http)
    app.register_error_handler(Exception, fail)


def refuse(error: JobmonServerError) -> Response:
    """Reply with what the error says; what is our own fault is logged."""
    if error.http_status == 500:
        log.error("request failed", route=str(request.url_rule), exc_info=error)
    response = answer(error)
    if isinstance(error, Busy):
        response.headers["Retry-After"] = str(max(1, round(error.retry_after)))
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = 'Bearer realm="jobmon"'
    return response


def answer(error: JobmonServerError) -> Response:
    """Make the refusal's body; its outcome is the code, or null where no outcome has that name."""
    body: dict[str, Any] = {
        "outcome": error.code if error.code in OUTCOMES else None,
        **NOBODY,
        **error.extra,
        "error": {"code": error.code, "message": error.message, "details": error.details},
    }
    return endpoint.answer(body, error.http_status)


def refuse_http(error: HTTPException) -> Response:
    """Reply in our form to what Flask itself refuses: no such path, no such method on it, too large a body."""
    response = answer(_as_ours(error))
    response.status_code = error.code or response.status_code
    for name, value in error.get_headers():
        if name not in {"Content-Type", "Content-Length"}:
            response.headers[name] = value
    return response


def _as_ours(error: HTTPException) -> JobmonServerError:
    """Translate Flask's refusal."""
    if error.code == 404:
        return Unknown("path", request.path)
    if isinstance(error, RequestEntityTooLarge):
        return TooLarge(
            f"The request body has more than the {request.max_content_length} bytes that are taken."
        )
    if error.code is not None and error.code < 500:
        return Malformed(error.description)
    return JobmonServerError(error.description)


def fail(error: Exception) -> Response:
    """Reply to what nobody foresaw; its traceback is logged here, once, and kept from the caller."""
    log.error("request failed", route=str(request.url_rule), exc_info=error)
    return answer(JobmonServerError())
