"""A task of a workflow, as others name it and as its logs are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STREAMS = ("stdout", "stderr")


@dataclass(frozen=True, slots=True)
class TaskLogs:
    """What an attempt of a task wrote.

    Args:
        task_instance_id: the attempt's id.
        stdout: the whole file if it is on this machine, else the end of it that the server keeps.
        stderr: likewise.
    """

    task_instance_id: int
    stdout: str
    stderr: str


ReadLogs = Callable[[str, int | None], TaskLogs]


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a workflow, to be named as an upstream of others."""

    name: str
    _read_logs: ReadLogs | None = field(default=None, repr=False, compare=False)

    def logs(self, attempt: int | None = None) -> TaskLogs:
        """Return what an attempt wrote, after its workflow was run or while it runs.

        Args:
            attempt: the number of the attempt, from 1; the last one if not given.

        Raises:
            JobmonError: the workflow was not run yet, or there is no such attempt.
            LookupError: the task was made by itself, not by a workflow.
        """
        if self._read_logs is None:
            raise LookupError(f"task {self.name!r} belongs to no workflow")
        return self._read_logs(self.name, attempt)


Upstream = Task | str | Iterable["Upstream"]
"""A task, its name, or any nesting of them, such as what `Template.expand` returned."""


def upstream_names(upstream: Upstream) -> Iterator[str]:
    """Yield the names of all tasks in it; what is neither a task nor a name is yielded as it is."""
    if isinstance(upstream, Task):
        yield upstream.name
    elif isinstance(upstream, str) or not isinstance(upstream, Iterable):
        yield upstream
    else:
        for one in upstream:
            yield from upstream_names(one)


def read_stream(instance: Mapping[str, Any], stream: str) -> bytes:
    """Return what an attempt wrote to `stdout` or `stderr`.

    Args:
        instance: the attempt, as the server tells it.
        stream: which of the two.

    Returns:
        The file's bytes; the end that the server keeps if the file is elsewhere or gone.
    """
    kept: str = instance.get(f"{stream}_log") or ""
    path = instance.get(stream)
    try:
        return Path(path).read_bytes() if path else kept.encode()
    except (OSError, ValueError):
        return kept.encode()
