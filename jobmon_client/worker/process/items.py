"""What an agent is given to do, and where its output goes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

LONGEST_NAME = 60
LONGEST_LINE = 1_000
ATTEMPTS_IN_A_DIRECTORY = 1_000


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One attempt to run: `command` is for `/bin/sh -c`, exactly; `time_limit` is in seconds, None for no limit."""

    task_instance_id: int
    name: str
    command: str
    task_id: int
    workflow_id: int
    workflow_run_id: int | None = None
    distributor_id: str | None = None
    time_limit: float | None = None
    working_directory: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    attempt: int | None = None

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Take the fields that are ours, a null as one that is not given; raise KeyError if one is missing."""
        needed = {"task_instance_id", "name", "command", "task_id", "workflow_id"}
        if missing := needed - found.keys():
            raise KeyError(f"an item lacks {', '.join(sorted(missing))}")
        return cls(**{one.name: value for one in fields(cls) if (value := found.get(one.name)) is not None})

    def to_json(self) -> dict[str, Any]:
        """Return it as it goes over the pipe to an agent."""
        return asdict(self)

    def whole_environment(
        self, inherited: Mapping[bytes, bytes], own: Mapping[bytes, bytes]
    ) -> dict[bytes, bytes]:
        """Return the command's environment: its worker's, the definition's over it, and what jobmon tells, over all."""
        place = {} if self.working_directory is None else {b"PWD": os.fsencode(self.working_directory)}
        defined = {in_utf_8(name): in_utf_8(value) for name, value in self.environment.items()}
        return {**inherited, **place, **defined, **own}


def in_utf_8(value: object) -> bytes:
    """Return the text as an environment can hold it: no NUL, no lone surrogates."""
    return str(value).replace("\0", "?").encode("utf-8", errors="replace")


def merged_environment(
    of_workflow: Mapping[str, str] | None, of_task: Mapping[str, str] | None
) -> dict[str, str]:
    """Return what a definition adds to a command's environment: the workflow's variables, the task's own over them."""
    return {**(of_workflow or {}), **(of_task or {})}


@dataclass(frozen=True, slots=True)
class LogFiles:
    """The two files that hold an attempt's output, byte for byte, and one for its result."""

    stdout: Path
    stderr: Path

    @property
    def result(self) -> Path:
        """The file that the command may write its result to."""
        return self.stdout.with_suffix(".json")

    @property
    def progress(self) -> Path:
        """The file that the command may write to how far it is; its last line counts."""
        return self.stdout.with_suffix(".progress")

    @property
    def script(self) -> Path:
        """The file that a command is run from if it is too long for an argument; removed when it has ended."""
        return self.stdout.with_suffix(".sh")

    @classmethod
    def of(cls, item: WorkItem, log_dir: Path) -> Self:
        """Name them: the id makes them unique, the task's name is there for people; so many lie in one directory at most."""
        safe = re.sub(r"[^A-Za-z0-9._-]+", "_", item.name)[:LONGEST_NAME]
        block = str(item.task_instance_id // ATTEMPTS_IN_A_DIRECTORY)
        stem = log_dir / str(item.workflow_id) / block / f"{item.task_instance_id}-{safe}"
        return cls(stem.with_name(stem.name + ".out"), stem.with_name(stem.name + ".err"))

    def drop_empty(self) -> None:
        """Remove what the command wrote nothing to: a path without a file says so."""
        for path in (self.stdout, self.stderr):
            with suppress(OSError):
                if not path.stat().st_size:
                    path.unlink()


def last_line(path: Path) -> str | None:
    """Return the last line of a short file; None if there is none."""
    lines = tail(path, LONGEST_LINE).strip().splitlines()
    return lines[-1] if lines else None


def tail(path: Path, limit: int = 10_000) -> str:
    """Return the last `limit` bytes of the file as text, beginning at a character's border; "" if it cannot be read."""
    try:
        size = path.stat().st_size
        if not size:
            return ""
        with path.open("rb") as file:
            file.seek(max(0, size - limit))
            found = file.read(limit)
    except OSError:
        return ""
    if size > limit:
        # At most three bytes of UTF-8 can belong to a character that began before the cut.
        found = found[next((at for at in range(min(4, len(found))) if found[at] & 0xC0 != 0x80), 0) :]
    return found.decode("utf-8", errors="replace")
