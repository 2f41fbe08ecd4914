"""The file that says where a database's server listens, locked for as long as that server lives."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from pathlib import Path
from typing import Self

from jobmon_client.system.private_files import open_descriptor
from jobmon_server.config import WHERE
from jobmon_server.errors import AlreadyServed, ConfigurationError

POLL_SECONDS = 0.05
#: How often in a row a lock is met before it is a server's: clients lock for an instant, too, to see whether one lives,
#: and the URL of a server that was killed still stands there.
SURE = 5


class ServerFile:
    """An exclusive `flock`, inherited by the workers: it outlives the first process until the last one is gone."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """Wrap a locked descriptor; use `take`."""
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path, patience: float) -> Self:
        """Lock the file; raise AlreadyServed if another server has it.

        A locked file without a URL belongs to a server that is starting or ending: it is given `patience` seconds.
        """
        pause = threading.Event()
        seen = 0
        for _ in range(max(SURE, round(patience / POLL_SECONDS))):
            taken = cls.take_if_free(path)
            if taken is not None:
                return taken
            seen = seen + 1 if read_url(path) else 0
            if seen >= SURE:
                break
            pause.wait(POLL_SECONDS)
        raise AlreadyServed(
            f"Another server serves this database: {read_url(path) or 'it is starting or ending'}."
        )

    @classmethod
    def take_if_free(cls, path: Path) -> Self | None:
        """Lock the file and empty it; None if somebody has it, be it only to look whether a server lives."""
        try:
            descriptor = open_descriptor(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise ConfigurationError(f"Cannot write {path}: {error.strerror}; {WHERE}.") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        os.ftruncate(descriptor, 0)
        return cls(path, descriptor)

    def announce(self, url: str) -> None:
        """Write where the server listens, in one write."""
        text = json.dumps({"url": url, "pid": os.getpid()}).encode() + b"\n"
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text, 0)

    def withdraw(self) -> None:
        """Take the URL back: nobody new is to come."""
        os.ftruncate(self._descriptor, 0)

    def release(self) -> None:
        """Unlock; a process that ends does so by itself."""
        os.close(self._descriptor)


def read_url(path: Path) -> str | None:
    """Return the URL that a server file names, None when it names none (yet, or any more)."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    url = content.get("url") if isinstance(content, dict) else None
    return url if isinstance(url, str) else None
