"""A session of `requests` that sends our token and no other, and the local one only to a process of this user."""

from __future__ import annotations

import os
import socket
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection

from jobmon_client.access.credentials import Bearer, Credentials, is_loopback
from jobmon_client.access.peer import peer_uid
from jobmon_client.errors import BadSetting, ForeignServer, Unreachable

PATIENCE = 30.0
"""Seconds to wait until a connection is accepted, where no timeout says otherwise."""


class BearerAuth(AuthBase):
    """Adds the token that was given; no method of the session, which would then refer to itself and outlive its thread."""

    def __init__(self, bearer: Bearer) -> None:
        """Take the token from there at each request: it may be another later."""
        self._bearer = bearer

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request."""
        if self._bearer.given is not None:
            request.headers["Authorization"] = f"Bearer {self._bearer.given}"
        return request


class TokenSession(requests.Session):
    """Proxies are taken from the environment; `.netrc`, which was made for others, is never read."""

    def __init__(self, server_url: str, bearer: Bearer) -> None:
        """Speak to one server."""
        super().__init__()
        parts = urlsplit(server_url)
        is_local = is_loopback(parts.hostname)
        # Looking for proxies in the environment costs as much as the call, and loopback has none.
        self.trust_env = not is_local
        # With an `auth` of its own, `requests` does not look for a .netrc.
        self.auth = BearerAuth(bearer)
        if is_local and parts.scheme == "http":
            self.mount(f"{server_url.rstrip('/')}/", ProvingAdapter(bearer))

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Take the token out of a request that was redirected to another server; put nothing in its place."""
        before, after = response.request.url or "", prepared_request.url or ""
        if self.should_strip_auth(before, after):  # type: ignore[no-untyped-call]
            prepared_request.headers.pop("Authorization", None)


class ProvingAdapter(HTTPAdapter):
    """Adds the local token to each request, on a connection whose other end is known to be this user's."""

    def __init__(self, bearer: Bearer) -> None:
        """Take the token from there at each request: it may be another later."""
        self._bearer = bearer
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make connections that prove who is there."""
        super().init_poolmanager(*arguments, **options)
        bearer = self._bearer

        class CheckedConnection(ProvingConnection):
            """One that knows the token."""

            def local_token(self) -> str | None:
                """Return it."""
                return bearer.local

        class Pool(HTTPConnectionPool):
            """A pool of those."""

            ConnectionCls = CheckedConnection

        self.poolmanager.pool_classes_by_scheme = {"http": Pool}


class ProvingConnection(HTTPConnection):
    """A connection that sends nothing before it knows whose process accepted it, where there is a token to send."""

    _proven: socket.socket | None = None

    def local_token(self) -> str | None:
        """Return the token to send; None: nothing needs to be proven."""
        return None

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
        """Prove, then send; raise ForeignServer."""
        token = self.local_token()
        if token is not None:
            self._prove()
            headers = {**(headers or {}), "Authorization": f"Bearer {token}"}
        super().request(method, url, body=body, headers=headers, **options)

    def _prove(self) -> None:
        if self.sock is None:
            self.connect()
        if self._proven is self.sock:
            return
        patience = self.timeout if isinstance(self.timeout, int | float) else PATIENCE
        try:
            require_own_peer(self.sock, f"http://{self.host}:{self.port}", patience)
        except ForeignServer:
            self.close()
            raise
        self._proven = self.sock


def require_own_peer(connection: socket.socket, server_url: str, patience: float = PATIENCE) -> None:
    """Return if the other end of a connection is a process of this user; raise ForeignServer else.

    Args:
        connection: A connected TCP socket.
        server_url: What it is called in the error.
        patience: Seconds to wait until it is accepted.
    """
    uid = peer_uid(connection, patience)
    if uid == os.geteuid():
        return
    whose = "nobody accepted the connection" if uid is None else f"it is a process of user {uid}"
    raise ForeignServer(
        f"nothing was sent to {server_url}: what listens there is not known to be a process of this user ({whose}),"
        " and only such a process gets the local token"
    )


def proven_token(server_url: str, credentials: Credentials) -> str:
    """Return the token that would be sent to a server; a local one only where a process of this user answers.

    Raises:
        BadSetting: There is none.
        ForeignServer: Another user's process has the server's place.
        Unreachable: Nobody answers there.
    """
    bearer = Bearer(server_url, credentials)
    if bearer.local is not None:
        parts = urlsplit(server_url)
        try:
            with socket.create_connection((parts.hostname or "", parts.port or 80), PATIENCE) as connection:
                require_own_peer(connection, server_url)
        except OSError as error:
            raise Unreachable(f"{server_url}: {error}") from None
    found = bearer.local or bearer.given
    if found is None:
        raise BadSetting(
            f"there is no token for {server_url}: it is not a local server of this user that runs, and none was given"
            " (JOBMON_TOKEN, token_file)"
        )
    return found
