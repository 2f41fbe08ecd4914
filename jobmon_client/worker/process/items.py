"""What an agent is given to do, and where its output goes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

LONGEST_NAME = 60
LONGEST_LINE = 1_000


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

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Take the fields that are ours; raise KeyError if one is missing."""
        needed = {"task_instance_id", "name", "command", "task_id", "workflow_id"}
        if missing := needed - found.keys():
            raise KeyError(f"an item lacks {', '.join(sorted(missing))}")
        return cls(**{one.name: found[one.name] for one in fields(cls) if one.name in found})

    def to_json(self) -> dict[str, Any]:
        """Return it as it goes over the pipe to an agent."""
        return asdict(self)

    def variables(self) -> dict[bytes, bytes]:
        """Return what the command's environment says about itself: UTF-8, whatever the locale is."""
        named = {
            "JOBMON_TASK_INSTANCE_ID": self.task_instance_id,
            "JOBMON_TASK_ID": self.task_id,
            "JOBMON_WORKFLOW_ID": self.workflow_id,
            "JOBMON_WORKFLOW_RUN_ID": self.workflow_run_id,
            "JOBMON_TASK_NAME": self.name,
            "JOBMON_DISTRIBUTOR_ID": self.distributor_id,
        }
        return {name.encode(): in_utf_8(value) for name, value in named.items() if value is not None}


def in_utf_8(value: object) -> bytes:
    """Return the text as an environment can hold it: no NUL, no lone surrogates."""
    return str(value).replace("\0", "?").encode("utf-8", errors="replace")


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
        """Name them: the id makes them unique, the task's name is there for people."""
        safe = re.sub(r"[^A-Za-z0-9._-]+", "_", item.name)[:LONGEST_NAME]
        stem = log_dir / str(item.workflow_id) / f"{item.task_instance_id}-{safe}"
        return cls(stem.with_name(stem.name + ".out"), stem.with_name(stem.name + ".err"))


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
