"""`python -m jobmon_server.cli.reference`: docs/reference/http.md, made from the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from jobmon_server.app import create_app
from jobmon_server.db.core.transaction import Database
from jobmon_server.routes import BLUEPRINTS
from jobmon_server.routes.http.openapi import describe

INTRODUCTION = """# The routes

Made from the OpenAPI document by `python -m jobmon_server.cli.reference`; a test fails when it is out of date. Every server gives the
whole document, with each field of each request and reply, at `/api/v1/openapi.json`.
"""


def page() -> str:
    """Return the page."""
    document = describe(create_app(Database.connect("sqlite://")), BLUEPRINTS)
    return "\n".join(_lines(document))


def _lines(document: dict[str, Any]) -> Iterator[str]:
    yield INTRODUCTION
    for tag in document["tags"]:
        yield f"## {tag['name']}\n\n{tag['description']}\n"
        yield "| route | |\n|---|---|"
        yield from _rows(document["paths"], tag["name"])
        yield ""


def _rows(paths: dict[str, Any], tag: str) -> Iterator[str]:
    for path, operations in paths.items():
        for method, operation in operations.items():
            if (
                method != "parameters" and tag in operation["tags"]
            ):  # those of the path stand beside its methods
                yield f"| {method.upper()} `{path}` | {operation['summary']} |"


if __name__ == "__main__":
    click.echo(page(), nl=False)
