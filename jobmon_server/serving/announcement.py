"""The file by which this user's clients find the local token of a server that listens."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from jobmon_client.access.local_files import (
    LocalServer,
    database_digest,
    known_servers,
    read_private,
    write_private,
)
from jobmon_server.config import Settings
from jobmon_server.errors import ConfigurationError
from jobmon_server.settings.auth import LOCAL


class Announcement:
    """One server's file in `<data_dir>/servers/`."""

    def __init__(self, settings: Settings, url: str) -> None:
        """Describe the server that is this process."""
        self._data_dir = Path(settings.data_dir)
        self._is_local = settings.auth == LOCAL
        self._server = LocalServer.here(url, database_digest(settings.database_url))
        self._path = self._server.path(self._data_dir)

    def publish(self) -> None:
        """Write the file, in place of whatever stood there for this URL; raise ConfigurationError.

        A server that does not take the local token has none.
        """
        if not self._is_local:
            with suppress(OSError):
                self._path.unlink()
            return
        try:
            self._sweep()
            write_private(self._path, self._server.text)
        except OSError as error:
            raise ConfigurationError(f"Cannot write {self._path} (data_dir): {error.strerror}.") from None

    def withdraw(self) -> None:
        """Take the file away, unless another server has it by now."""
        try:
            if LocalServer.parse(read_private(self._path)) == self._server:
                self._path.unlink()
        except (OSError, ValueError):  # it is not there, or no longer ours
            return

    def _sweep(self) -> None:
        """Take away what servers of this machine left that were killed."""
        for path, known in known_servers(self._data_dir):
            if not _lives(known.pid):
                path.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
