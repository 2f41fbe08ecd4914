"""Options that several commands share, and how results are printed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

server = click.option(
    "--server",
    "server_url",
    metavar="URL",
    help="The server; without it an embedded one is used. [JOBMON_SERVER_URL]",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
concurrency = click.option(
    "--concurrency", type=int, metavar="N", help="Commands at once; the number of CPUs if not given."
)


def print_json(value: object) -> None:
    """Print one JSON object on one line."""
    click.echo(json.dumps(value, ensure_ascii=False))


def plain(value: object) -> str:
    """Return the text without what could steer a terminal; line ends and tabs stay."""
    return "".join(
        one if one in "\n\t" or one.isprintable() else one.encode("unicode_escape").decode()
        for one in str(value)
    )


def one_line(value: object, longest: int = 100) -> str:
    """Return the text's last line that says something, cut."""
    lines = [line.strip() for line in plain(value or "").splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    return last if len(last) <= longest else f"{last[: longest - 1]}…"


def print_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print columns as wide as their widest cell, nothing cut: to be read, and to be cut up by other programs."""
    cells = [
        list(heads),
        *([plain("" if cell is None else cell).replace("\n", " ") for cell in row] for row in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
