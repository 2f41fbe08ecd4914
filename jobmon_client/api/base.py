"""What every group of calls stands on: one door, payload in, plain object out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from jobmon_client.http import Http
from jobmon_client.payload import plain

#: Fields that hold whatever a caller has: a named tuple in them is an object, not a list.
WRITTEN = frozenset({"result", "attributes", "arguments", "value"})


class Calls:
    """A group of calls; a field that is None is left out, so that the server's default holds."""

    def __init__(self, http: Http) -> None:
        """Speak through this door."""
        self._http = http

    @property
    def server_url(self) -> str:
        """The address spoken to, without the prefix of the routes."""
        return self._http.base_url

    def __enter__(self) -> Self:
        """Use it in a `with`."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Close the connections of all threads; every further call raises Closed."""
        self._http.close()

    def _get(self, path: str, *, accept: Sequence[int] = (), **query: Any) -> dict[str, Any]:
        given = {name: value for name, value in query.items() if value is not None}
        return self._http.call("GET", path, query=given, accept=accept)

    def _page(self, path: str, after: str | int | None, limit: int | None, **query: Any) -> dict[str, Any]:
        """Get a page of a list, and `next`; counting all is left out."""
        return self._get(path, **query, cursor=after, limit=limit, total="false")

    def _post(self, path: str, *, accept: Sequence[int] = (), **facts: Any) -> dict[str, Any]:
        payload = {
            name: plain(value, name) if name in WRITTEN else value
            for name, value in facts.items()
            if value is not None
        }
        return self._http.call("POST", path, payload, accept=accept)
