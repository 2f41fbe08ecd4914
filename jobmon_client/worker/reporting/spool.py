"""Results on disk, written down before they are sent: they outlive the worker and the server's absence.

One file a worker, one report a line. Its owner holds a lock on it, so a later worker takes over only what nobody owns.
Sending such a report twice, or late, is harmless: the worker_id in it fences it, and a repeated one is a `duplicate`.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import structlog

from jobmon_client.system.private_files import make_directory, open_text
from jobmon_client.worker.reporting.spool_file import REPORTS, SpoolContent, content, opened, set_aside

log = structlog.get_logger(__name__)


class Spool:
    """The file of one worker in a directory that belongs to one server's database."""

    def __init__(self, directory: Path, worker_id: str) -> None:
        """Name the file; it is made when there is something to keep."""
        self._directory = directory
        self._path = directory / f"{worker_id}.jsonl"
        self._file: TextIO | None = None
        self._taken: list[tuple[Path, BinaryIO]] = []

    def keep(self, reports: Iterable[Mapping[str, Any]]) -> None:
        """Append the reports and see them on disk."""
        if self._file is None:
            self._file = self._make()
        self._file.writelines(json.dumps(dict(report)) + "\n" for report in reports)
        self._file.flush()
        os.fsync(self._file.fileno())

    def forget(self) -> None:
        """All that was kept was answered: empty the file, which stays open for what comes."""
        if self._file is not None and self._file.tell():
            self._file.seek(0)
            self._file.truncate()

    def _make(self) -> TextIO:
        """Make the file; it has its name only when it is locked, so that nobody takes it for a dead worker's."""
        make_directory(self._directory)
        fresh = self._path.with_suffix(".new")
        file = open_text(fresh, "w")
        fcntl.flock(file, fcntl.LOCK_EX)
        fresh.rename(self._path)
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return file

    def leftovers(self) -> Iterator[Mapping[str, Any]]:
        """Yield the reports of workers that are gone; their files go when `clear` says that all were sent.

        What cannot be read is set aside and told in the log; a file that cannot be set aside or read stays.
        """
        for path in sorted(self._directory.glob(f"*{REPORTS}")):
            file = opened(path, os.O_RDWR)
            if file is None:
                continue
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                continue
            yield from self._take(path, file)

    def _take(self, path: Path, file: BinaryIO) -> Sequence[Mapping[str, Any]]:
        """Return the reports of a file, which is ours until it is cleared or closed."""
        found = SpoolContent()
        try:
            found = content(file)
            if found.unreadable:
                set_aside(path, found.unreadable)
        except OSError as error:
            log.warning("spool_file_stays", path=str(path), error=str(error))
            file.close()
        else:
            self._taken.append((path, file))
        return found.reports

    def clear(self) -> None:
        """Everything was answered: empty the file, and remove those taken over."""
        self.forget()
        while self._taken:
            path, file = self._taken.pop()
            path.unlink(missing_ok=True)
            file.close()

    def close(self, *, keep: bool) -> None:
        """Let go; with `keep` the files stay for the next worker."""
        if not keep:
            self.clear()
            if self._file is not None:
                self._path.unlink(missing_ok=True)
        for file in (self._file, *(taken for _, taken in self._taken)):
            if file is not None:
                file.close()


def waiting(directory: Path) -> list[tuple[Path, list[Mapping[str, Any]]]]:
    """Return the files that hold results, and what they hold; nothing is taken over."""
    found = []
    for path in sorted(directory.glob(f"*{REPORTS}")):
        file = opened(path)
        if file is None:
            continue
        try:
            with file:
                reports = content(file).reports
        except OSError:  # `spool_file.unreadable` says so
            continue
        if reports:
            found.append((path, reports))
    return found
