"""Files that workers left, removed where they lie: by who asks for it, never by the server.

Only what is a regular file below the log directory goes. No symbolic link is followed on the way, whatever the server
says the path is.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from jobmon_client.api.client import Api
from jobmon_client.errors import NotFound


class FileOutcome(StrEnum):
    """What became of a file."""

    REMOVED = "removed"
    MISSING = "missing"
    #: It lies elsewhere, or is no regular file, or a link is on the way.
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RemovedFile:
    """A file by the path that it was asked for by, and what became of it."""

    path: str
    outcome: FileOutcome
    message: str = ""


def files_of(api: Api, workflow_id: int) -> list[str]:
    """Return the paths that workers told for stdout and stderr of a workflow's instances; ask before it is deleted."""
    paths: dict[str, None] = {}
    for task_instance_id in _instances(api, workflow_id):
        with suppress(NotFound):
            instance = api.task_instance(task_instance_id)
            paths |= dict.fromkeys(path for path in (instance["stdout"], instance["stderr"]) if path)
    return list(paths)


def _instances(api: Api, workflow_id: int) -> Iterator[int]:
    after = None
    while True:
        page = api.workflow_tasks(workflow_id, after=after)
        for task in page["tasks"]:
            if task["task_instance_id"] is not None:
                yield from api.task(task["task_id"])["task_instance_ids"]
        after = page["next"]
        if after is None:
            return


def remove_files(paths: Iterable[str], log_dir: Path) -> list[RemovedFile]:
    """Remove those of these files that lie below the log directory; an outcome each, in the order given."""
    try:
        root = os.open(log_dir, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        return [RemovedFile(path, FileOutcome.FAILED, f"{log_dir}: {error.strerror}") for path in paths]
    try:
        return [_remove(path, log_dir, root) for path in paths]
    finally:
        os.close(root)


def _remove(path: str, log_dir: Path, root: int) -> RemovedFile:
    parts = _below(path, log_dir)
    if not parts:
        return RemovedFile(path, FileOutcome.REFUSED, f"is not below {log_dir}")
    *folders, name = parts
    handles = [root]
    try:
        for folder in folders:
            # Each step is taken from the folder that the last one opened: nobody can put a link in its place meanwhile.
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            handles.append(os.open(folder, flags, dir_fd=handles[-1]))
        if not stat.S_ISREG(os.stat(name, dir_fd=handles[-1], follow_symlinks=False).st_mode):
            return RemovedFile(path, FileOutcome.REFUSED, "is no regular file")
        os.unlink(name, dir_fd=handles[-1])
    except FileNotFoundError:
        return RemovedFile(path, FileOutcome.MISSING)
    except NotADirectoryError:
        return RemovedFile(path, FileOutcome.REFUSED, "a link, or no directory, is on the way")
    except OSError as error:
        return RemovedFile(path, FileOutcome.FAILED, error.strerror or str(error))
    finally:
        for handle in handles[1:]:
            os.close(handle)
    return RemovedFile(path, FileOutcome.REMOVED)


def _below(path: str, log_dir: Path) -> tuple[str, ...]:
    """Return the parts of a path below the log directory, as it is written; none where it does not lie there."""
    written = Path(path)
    if "\x00" in path or ".." in written.parts:
        return ()
    for directory in (log_dir.absolute(), log_dir.resolve()):
        if written.is_relative_to(directory):
            return written.relative_to(directory).parts
    return ()
