"""A path's calls over a real socket."""

from __future__ import annotations

from typing import Any

import requests

from jobmon_client.access.credentials import Bearer, Credentials
from jobmon_client.access.session import TokenSession


class RemoteReply:
    """A reply read as Flask's test client reads one."""

    def __init__(self, response: requests.Response) -> None:
        self.status_code = response.status_code
        self._response = response

    def get_json(self) -> Any:
        """The body."""
        return self._response.json()


class Remote:
    """Calls the server at `url`."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/").removesuffix("/api/v1")
        self._session = TokenSession(self._url, Bearer(self._url, Credentials()))

    def post(self, path: str, *, json: Any) -> RemoteReply:
        """POST JSON."""
        return RemoteReply(self._session.post(self._url + path, json=json, timeout=30))

    def get(self, path: str) -> RemoteReply:
        """GET."""
        return RemoteReply(self._session.get(self._url + path, timeout=30))

    def close(self) -> None:
        """Close the connection."""
        self._session.close()
