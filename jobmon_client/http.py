"""One door to the server: JSON in, JSON out, kept-alive connections, retries within a budget.

Every call may be retried blindly: the server makes a repeated report a `duplicate`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

import requests

from jobmon_client.access.credentials import Bearer, Credentials
from jobmon_client.access.session import TokenSession
from jobmon_client.errors import (
    BadSetting,
    Closed,
    Denied,
    ForeignServer,
    JobmonError,
    Malformed,
    NotFound,
    Refused,
    ReplyError,
    ServerFailed,
    Unreachable,
)
from jobmon_client.loop import Backoff
from jobmon_client.payload import encoded

PREFIX = "/api/v1"
AGAIN = frozenset({429, 500, 502, 503, 504})
ERRORS: dict[int, type[ReplyError]] = {401: Denied, 403: Denied, 404: NotFound, 409: Refused, 422: Malformed}
UNAUTHORIZED = 401
FAILED = 500
FAILURES = 5
FAILING_SECONDS = 5.0
"""So many answers 500 in a row, over so many seconds at least, are no hiccup: the call is given up."""


@dataclass(slots=True)
class FailedTry:
    """Why a try brought no answer; `wait` is how many seconds the server asked for, `status` what it said if it spoke."""

    text: str
    wait: float = 0.0
    status: int | None = None


class Failing:
    """Counts the answers 500 in a row."""

    def __init__(self) -> None:
        """Begin with none."""
        self._count = 0
        self._since = 0.0

    def lasts(self, trouble: FailedTry) -> bool:
        """Take in one more trouble; tell whether the server has failed too often for too long."""
        if trouble.status != FAILED:
            self._count = 0
            return False
        if not self._count:
            self._since = time.monotonic()
        self._count += 1
        return self._count >= FAILURES and time.monotonic() - self._since >= FAILING_SECONDS

    def __str__(self) -> str:
        """Say how often and for how long."""
        return f"{self._count} times in {time.monotonic() - self._since:.1f} s"


class Http:
    """Calls of one server; safe to share between threads, each of which has a session of its own."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float = 30.0,
        budget: float | None = 60.0,
        stop: threading.Event | None = None,
        token: str | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        """Take seconds: `timeout` for one try, `budget` for a call with its retries.

        A budget of None: until `stop` is set, or until the server has failed `FAILURES` times in a row. `token` is for
        who has no settings; `credentials` go before it.
        """
        self.base_url = base_url.rstrip("/")
        try:
            _ = urlsplit(base_url).port
        except ValueError as error:
            raise BadSetting(f"server_url {base_url!r}: {error}") from error
        self._bearer = Bearer(self.base_url, credentials or Credentials(token))
        self._timeout = timeout
        self._budget = budget
        self._stop = stop or threading.Event()
        self._local = threading.local()
        self._lock = threading.Lock()
        # Weak: the session of a thread that has ended goes with it.
        self._sessions: WeakSet[requests.Session] = WeakSet()
        self._closed = False

    def call(
        self,
        method: str,
        path: str,
        payload: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        accept: Collection[int] = (),
    ) -> dict[str, Any]:
        """Return the JSON object that the server answers with 2xx or one of `accept`; raise a JobmonError else.

        What is no JSON is refused before anything is sent.
        """
        deadline = None if self._budget is None else time.monotonic() + self._budget
        data = None if payload is None else encoded(payload)
        backoff, failing = Backoff(), Failing()
        what = f"{method} {self.base_url}{PREFIX}{path}"
        while True:
            trouble = self._try(method, path, data, query, accept)
            if isinstance(trouble, dict):
                return trouble
            pause = max(trouble.wait, backoff.next())
            is_late = deadline is not None and time.monotonic() + pause > deadline
            if failing.lasts(trouble) or (is_late and trouble.status == FAILED):
                raise ServerFailed(f"the server fails: {what} was answered with {trouble.text}, {failing}")
            if is_late:
                raise Unreachable(f"{what}: {trouble.text}")
            if self._stop.wait(pause):
                raise Unreachable(f"{method} {path}: stopped while waiting for the server ({trouble.text})")

    def _try(
        self,
        method: str,
        path: str,
        data: bytes | None,
        query: Mapping[str, Any] | None,
        accept: Collection[int],
    ) -> dict[str, Any] | FailedTry:
        """Return the reply's body, or what was wrong."""
        try:
            reply = self._send(method, path, data=data, params=query)
        except ForeignServer as error:
            if self._budget is not None:
                raise
            return FailedTry(str(error))  # ours may come back to its place
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ) as error:
            return FailedTry(f"{type(error).__name__}: {error}")
        except requests.RequestException as error:  # a bad address, say: no retry will mend it
            raise JobmonError(f"{method} {self.base_url}{PREFIX}{path}: {error}") from error
        if reply.status_code in AGAIN:
            wait = seconds(reply.headers.get("Retry-After"))
            return FailedTry(f"HTTP status {reply.status_code}", wait, reply.status_code)
        body = json_object(reply.content)
        if reply.ok or reply.status_code in accept:
            return FailedTry("the reply is no JSON object") if body is None else body
        raise ERRORS.get(reply.status_code, ReplyError)(reply.status_code, body or {})

    def _send(self, method: str, path: str, **facts: Any) -> requests.Response:
        """Send a request; after a 401 the token is read again, and the request is sent once more."""
        url = f"{self.base_url}{PREFIX}{path}"
        reply = self._session().request(method, url, timeout=self._timeout, **facts)
        if reply.status_code == UNAUTHORIZED and self._bearer.read_again():
            reply.close()
            reply = self._session().request(method, url, timeout=self._timeout, **facts)
        return reply

    def lines(self, path: str, payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the JSON objects, one a line, of the reply to a POST; raise a JobmonError where it is refused or breaks off."""
        try:
            with self._send("POST", path, data=encoded(payload), stream=True) as reply:
                if not reply.ok:
                    raise ERRORS.get(reply.status_code, ReplyError)(
                        reply.status_code, json_object(reply.content) or {}
                    )
                yield from (json.loads(line) for line in reply.iter_lines() if line)
        except requests.RequestException as error:
            raise Unreachable(f"POST {self.base_url}{PREFIX}{path}: {error}") from error

    def _session(self) -> requests.Session:
        if self._closed:
            raise Closed
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = TokenSession(self.base_url, self._bearer)
            session.headers.update({"Content-Type": "application/json", "Accept": "application/json"})
            with self._lock:
                if self._closed:
                    raise Closed
                self._sessions.add(session)
        return session

    def close(self) -> None:
        """Close the connections of all threads; every further call raises Closed. To close again is no error."""
        with self._lock:
            self._closed = True
            sessions = list(self._sessions)
        for session in sessions:
            session.close()


def seconds(retry_after: str | None) -> float:
    """Return the seconds of a Retry-After header, at most 60; 0 for none, or for a date (jitter then does)."""
    try:
        return min(60.0, max(0.0, float(retry_after or 0)))
    except ValueError:
        return 0.0


def json_object(content: bytes) -> dict[str, Any] | None:
    """Return the object that the bytes spell, None if they spell something else."""
    try:
        body = json.loads(content)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
