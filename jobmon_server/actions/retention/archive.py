"""A workflow as a file: one gzip of JSON lines, written beside its name, flushed, then renamed.

The first line is the workflow, the last counts the others. What a removal takes away is in the file, row by row.
"""

from __future__ import annotations

import gzip
import json
import os
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Column

from jobmon_client.system.private_files import make_directory
from jobmon_server.db.core.rows import RowDict
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.lifecycle import HEAD
from jobmon_server.db.schema.tables import array, task, task_instance
from jobmon_server.db.schema.tables_workflow import workflow
from jobmon_server.db.workflows import archive_rows
from jobmon_server.db.workflows.archive_rows import OF_ARRAY, OF_INSTANCE, OF_TASK, OF_WORKFLOW
from jobmon_server.errors import Invalid, Unknown

#: How many tasks' rows are asked for at once.
TASKS = 200
#: What of the workflow's row changes when it is flagged and deleted, or its identity is taken over.
_OF_ITS_END = {"expired_at", "deleted_at", "client_id", "request_id"}
_IDENTITY = ("id", "name", "created_at")


def file_of(directory: str, workflow_id: int) -> Path:
    """Return where a workflow is archived."""
    return Path(directory, f"workflow-{workflow_id}.ndjson.gz")


def archive(database: Database, workflow_id: int, file: Path) -> bool:
    """Write a workflow in which nothing lives to a file; False when the file has it, as it is, already.

    A file that holds anything else is not touched. Raises `Unknown`, and `Invalid` when it cannot be done.
    """
    row = database.read(archive_rows.header, workflow_id)
    if row is None:
        raise Unknown("workflow", workflow_id)
    if not database.read(archive_rows.is_quiet, workflow_id):
        raise Invalid("Something in the workflow lives: it can be archived when it has ended.")
    try:
        if _has(file, _as_json(row)):
            return False
        with _beside(file) as (raw, part):
            _write(raw, _lines(database, row))
            if database.read(archive_rows.header, workflow_id) != row:
                raise Invalid("The workflow went on while it was being archived.")
            part.replace(file)
    except OSError as error:
        raise Invalid(f"The archive {file} cannot be written: {error}.") from error
    return True


def _has(file: Path, row: RowDict) -> bool:
    """Whether a file holds this workflow as it is; raise `Invalid` if it holds anything but an older state of it."""
    if not file.exists():
        return False
    found = _first_row(file)
    if not isinstance(found, dict) or any(found.get(name) != row[name] for name in _IDENTITY):
        raise Invalid(f"{file} holds something else than this workflow, and is not overwritten.")
    return all(found[name] == row[name] for name in (found.keys() & row.keys()) - _OF_ITS_END)


def _first_row(file: Path) -> Any:
    """Return the row in a file's first line; None if that is no archive."""
    try:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            first = json.loads(lines.readline())
    except (ValueError, EOFError, gzip.BadGzipFile, zlib.error):
        return None
    return first.get("row") if isinstance(first, dict) else None


class _beside:  # noqa: N801 - reads as the block that it makes
    """A new file in the directory of another, gone again unless it was renamed."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __enter__(self) -> tuple[IO[bytes], Path]:
        make_directory(self._file.parent)
        handle, name = tempfile.mkstemp(prefix=f".{self._file.name}.", suffix=".part", dir=self._file.parent)
        self._part, self._raw = Path(name), os.fdopen(handle, "wb")
        return self._raw, self._part

    def __exit__(self, *_exception: object) -> None:
        self._raw.close()
        self._part.unlink(missing_ok=True)
        directory = os.open(self._file.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _write(raw: IO[bytes], lines: Iterable[RowDict]) -> None:
    # Without a name and a time in it, the same rows make the same file.
    with gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed:
        for line in lines:
            packed.write(json.dumps(line, default=_plain, separators=(",", ":")).encode() + b"\n")
    raw.flush()
    os.fsync(raw.fileno())


def _as_json(row: RowDict) -> RowDict:
    read: RowDict = json.loads(json.dumps(row, default=_plain))
    return read


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds") + "Z"
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _lines(database: Database, row: RowDict) -> Iterator[RowDict]:
    yield {"schema": HEAD, "table": workflow.name, "row": row}
    counts: Counter[str] = Counter()
    for line in _rows(database, row["id"]):
        counts[line["table"]] += 1
        yield line
    yield {"end": dict(counts)}


def _rows(database: Database, workflow_id: int) -> Iterator[RowDict]:
    for parent in OF_WORKFLOW:
        yield from _table(database, parent, [workflow_id])
    arrays = database.read(archive_rows.ids_of, array.c.workflow_id, [workflow_id])
    for parent in OF_ARRAY:
        yield from _table(database, parent, arrays)
    for ids in _task_ids(database, workflow_id):
        yield from _table(database, task.c.id, ids)
    for parent in OF_TASK:
        for ids in _task_ids(database, workflow_id):
            yield from _table(database, parent, ids)
    for parent in OF_INSTANCE:
        for ids in _task_ids(database, workflow_id):
            instances = database.read(archive_rows.ids_of, task_instance.c.task_id, ids)
            yield from _table(database, parent, instances)


def _task_ids(database: Database, workflow_id: int) -> Iterator[list[int]]:
    last, after = database.read(archive_rows.last_task, workflow_id), 0
    while ids := database.read(archive_rows.tasks_between, workflow_id, after, last, TASKS):
        yield ids
        after = ids[-1]


def _table(database: Database, parent: Column[Any], parent_ids: list[int]) -> Iterator[RowDict]:
    after: tuple[Any, ...] | None = None
    while rows := database.read(archive_rows.page, parent, parent_ids, after):
        for row in rows:
            yield {"table": parent.table.name, "row": row}
        after = archive_rows.key_of(parent.table, rows[-1])
