"""The local token: one per user and database, in a file that this user alone can read. Whoever has it is that user."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Self

from jobmon_client.access.local_files import (
    create_private,
    database_digest,
    read_private,
    token_path,
    write_private,
)
from jobmon_server.config import Settings
from jobmon_server.errors import ConfigurationError

PREFIX = "jml_"
RANDOM_BYTES = 32


class LocalToken:
    """What the file holds at the moment: it may be renewed while a server runs."""

    def __init__(self, path: Path) -> None:
        """Name the file; `make` makes it."""
        self.path = path
        self._seen: tuple[int, int] | None = None
        self._digest: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Name the file of these settings' data directory and database."""
        return cls(token_path(Path(settings.data_dir), database_digest(settings.database_url)))

    def make(self) -> None:
        """Make the file if there is none; raise ConfigurationError if that cannot be, or if others can read it."""
        try:
            create_private(self.path, _new_text())
            read_private(self.path)
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"The local token {self.path} (data_dir): {_reason(error)}.") from None

    def renew(self) -> None:
        """Put another token in its place: the one before holds no longer. Raises ConfigurationError."""
        try:
            write_private(self.path, _new_text())
        except OSError as error:
            raise ConfigurationError(f"The local token {self.path} (data_dir): {_reason(error)}.") from None

    @property
    def digest(self) -> str | None:
        """SHA-256 of the token; None while there is no file that can be read."""
        try:
            facts = self.path.stat(follow_symlinks=False)
            seen = facts.st_ino, facts.st_mtime_ns
            if seen != self._seen:
                self._digest = hashlib.sha256(read_private(self.path).strip().encode()).hexdigest()
                self._seen = seen
        except (OSError, ValueError):
            self._seen = self._digest = None
        return self._digest

    def has(self, digest: str) -> bool:
        """Tell whether this is the digest of the token."""
        known = self.digest
        return known is not None and hmac.compare_digest(known, digest)


def _new_text() -> str:
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES) + "\n"


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return os.strerror(error.errno) if error.errno else str(error.strerror)
    return str(error)
