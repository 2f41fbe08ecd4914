"""The API of the server that a command works with, and lists read page by page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from jobmon_client.api.client import Api
from jobmon_client.cli.options import settings_of
from jobmon_client.running.connection import connected

limit = click.option(
    "--limit", type=click.IntRange(1), default=1000, show_default=True, help="Lines at most."
)


@contextmanager
def api_of(server_url: str | None) -> Iterator[Api]:
    """Yield an Api of the server that was named, or of the embedded one."""
    with connected(settings_of(server_url=server_url)) as connection:
        yield connection.api


def gathered(read: Any, key: str, limit: int) -> list[dict[str, Any]]:
    """Return up to `limit` items from page after page."""
    found: list[dict[str, Any]] = []
    after: Any = None
    while len(found) < limit:
        page = read(after=after, limit=min(1000, limit - len(found)))
        found += page[key]
        after = page.get("next")
        if after is None:
            break
    return found
