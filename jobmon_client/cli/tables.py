"""Tables: with colours on a terminal, the same text without them anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from jobmon_client.cli.options import plain
from jobmon_client.states import TaskInstanceStatus, TaskStatus, WorkflowStatus

if TYPE_CHECKING:
    from rich.console import Console

CHUNK = 1_000
"""So many rows are looked at before the first is printed; what follows keeps their widths, or widens them."""
GAP = "  "
HEAD, TROUBLED = "bold", "dark_orange"
STYLES: dict[str, str] = {
    **dict.fromkeys((TaskStatus.DONE, WorkflowStatus.DONE), "green"),
    **dict.fromkeys((TaskStatus.RUNNING, TaskStatus.LAUNCHED, TaskStatus.INSTANTIATING), "cyan"),
    **dict.fromkeys((TaskStatus.ERROR_FATAL, WorkflowStatus.FAILED, TaskInstanceStatus.ERROR), "red"),
    **dict.fromkeys((TaskInstanceStatus.RESOURCE_ERROR, TaskInstanceStatus.UNKNOWN_ERROR), "red"),
    **dict.fromkeys((TaskStatus.STOPPED, TaskStatus.PAUSED, WorkflowStatus.HALTED), "yellow"),
}
Row = Sequence[object]


class Troubled(tuple[object, ...]):
    """A row in which something is overdue or waits for another try: it stands out where there are colours."""

    __slots__ = ()


def print_table(heads: Sequence[str], rows: Iterable[Row]) -> None:
    """Print columns as wide as their widest cell, nothing cut: to be read, and to be cut up by other programs."""
    console = _console()
    widths = [len(head) for head in heads]
    for number, chunk in enumerate(_chunks(rows)):
        cells = [[_text(cell) for cell in row] for row in chunk]
        widths = [max(map(len, column)) for column in zip(_blank(widths), *cells, strict=True)]
        if number == 0:
            _print(console, heads, widths, [HEAD] * len(heads))
        for row, texts in zip(chunk, cells, strict=True):
            _print(console, texts, widths, _styles(row, texts))


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one a line; what is None is left out, further lines of a value stand below its first."""
    known = [(name, plain(value)) for name, value in facts if value is not None]
    width = max((len(name) for name, _ in known), default=0)
    console = _console()
    for name, value in known:
        first, *rest = value.splitlines() or [""]
        _print(console, (name, first), (width, 0), ("", STYLES.get(first, "")))
        for line in rest:
            click.echo(f"{'':{width}}{GAP}{line}".rstrip())


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield them in pieces; an empty first one where there is nothing, so that the heads are printed."""
    iterator = iter(rows)
    chunk = list(islice(iterator, CHUNK))
    yield chunk
    while len(chunk) == CHUNK:
        chunk = list(islice(iterator, CHUNK))
        yield chunk


def _text(cell: object) -> str:
    return plain("" if cell is None else cell).replace("\n", " ")


def _blank(widths: Sequence[int]) -> list[str]:
    return [" " * width for width in widths]


def _styles(row: Row, texts: Sequence[str]) -> list[str]:
    if isinstance(row, Troubled):
        return [TROUBLED] * len(texts)
    return [STYLES.get(text, "") for text in texts]


def _console() -> Console | None:
    """Return what prints with colours; None where nobody sees them, or nobody wants them (NO_COLOR, TERM=dumb)."""
    if not sys.stdout.isatty():
        return None
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    return None if console.no_color or console.color_system is None else console


def _print(
    console: Console | None, texts: Sequence[str], widths: Sequence[int], styles: Sequence[str]
) -> None:
    padded = [text.ljust(width) for text, width in zip(texts, widths, strict=True)]
    if console is None:
        click.echo(GAP.join(padded).rstrip())
        return
    from rich.text import Text

    parts: list[Any] = [
        part for text, style in zip(padded, styles, strict=True) for part in ((text, style), GAP)
    ]
    line = Text.assemble(*parts)
    line.rstrip()
    console.print(line)
