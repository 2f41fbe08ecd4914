"""Progress of a run on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from jobmon_client.states import TaskStatus
from jobmon_client.system.lossy import lossy

LINE_EVERY = 10.0
"""Seconds between two lines where there is no terminal."""
LONGEST_TITLE = 30
FAILED = (TaskStatus.ERROR_FATAL, TaskStatus.STOPPED)

OnProgress = Callable[[Mapping[str, Any]], None]


def counts(state: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Return how many tasks are done, failed, running, and how many there are."""
    tasks: Mapping[str, int] = state["tasks"]
    done, failed = tasks.get(TaskStatus.DONE, 0), sum(tasks.get(status, 0) for status in FAILED)
    return done, failed, tasks.get(TaskStatus.RUNNING, 0), sum(tasks.values())


@contextmanager
def shown(title: str, *, enabled: bool = True, stream: TextIO | None = None) -> Iterator[OnProgress]:
    """Yield what is to be called with each state of the workflow."""
    stream = lossy(stream or sys.stderr)
    if not enabled:
        yield lambda _state: None
    elif stream.isatty() and _has_rich():
        with _bar(title, stream) as on_progress:
            yield on_progress
    else:
        yield _Lines(title, stream)


class _Lines:
    """One line at the start, one every ten seconds, one when all is over."""

    def __init__(self, title: str, stream: TextIO) -> None:
        self._title = title
        self._stream = stream
        self._next = 0.0
        self._last: tuple[int, int, int, int] | None = None

    def __call__(self, state: Mapping[str, Any]) -> None:
        now, seen = time.monotonic(), counts(state)
        done, failed, running, total = seen
        is_over = done + failed == total
        if seen == self._last or (now < self._next and not is_over):
            return
        self._last, self._next = seen, now + LINE_EVERY
        self._stream.write(f"{self._title}: {done} of {total} done, {running} running, {failed} failed\n")
        self._stream.flush()


def _has_rich() -> bool:
    try:
        import rich  # noqa: F401
    except ImportError:
        return False
    return True


@contextmanager
def _bar(title: str, stream: TextIO) -> Iterator[OnProgress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}"),
    )
    with Progress(*columns, TimeElapsedColumn(), console=Console(file=stream), transient=False) as bar:
        row = bar.add_task(
            title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1]}…", total=None, said=""
        )

        def on_progress(state: Mapping[str, Any]) -> None:
            done, failed, running, total = counts(state)
            said = f"{running} running" + (f", [red]{failed} failed[/red]" if failed else "")
            bar.update(row, completed=done + failed, total=total, said=said)

        yield on_progress
