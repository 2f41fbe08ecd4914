"""Files by which a user's clients find a local server and its token: where they are and what is in them.

The server writes them, the client reads them; both take their names and their format from here. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from jobmon_client.system.private_files import make_directory, open_text

SQLITE = "sqlite:///"
MOST_BYTES = 65_536
#: `scheme://user:password@rest`, as SQLAlchemy takes it apart: a password may hold anything but `@`.
_ADDRESS = re.compile(r"(?P<scheme>[\w+]+)://(?:[^:/]*(?::[^@]*)?@)?(?P<rest>.*)", re.DOTALL)
_CREDENTIALS = frozenset({"user", "password", "passwd"})


def database_digest(url: str) -> str:
    """Return the name of a database that every process gives it: 16 hexadecimal digits.

    Args:
        url: The database's URL. Of a SQLite file the resolved path counts, of any other URL all but its credentials.
    """
    if url.startswith(SQLITE):
        identity = SQLITE + os.path.realpath(url.removeprefix(SQLITE).partition("?")[0])
    elif found := _ADDRESS.fullmatch(url):
        place, _, query = found["rest"].partition("?")
        kept = sorted((name, value) for name, value in parse_qsl(query) if name not in _CREDENTIALS)
        identity = f"{found['scheme']}://{place}?{urlencode(kept)}"
    else:
        identity = url
    return hashlib.sha256(identity.encode(errors="surrogateescape")).hexdigest()[:16]


def token_path(data_dir: Path, digest: str) -> Path:
    """Return the file of this user's local token for the database with this digest."""
    return data_dir / f"local-{os.geteuid()}-{digest}.token"


def servers_dir(data_dir: Path) -> Path:
    """Return the directory with one file for each local server that listens."""
    return data_dir / "servers"


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server that listens: its URL, its process and machine, and the digest of its database."""

    url: str
    pid: int
    database: str
    node: str

    @classmethod
    def here(cls, url: str, database: str) -> Self:
        """Describe the server that is this process."""
        return cls(url, os.getpid(), database, socket.gethostname())

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a file's content; None if it is not such a file's."""
        try:
            content = json.loads(text)
            url, pid, database, node = (content[name] for name in ("url", "pid", "database", "node"))
        except (ValueError, KeyError, TypeError):
            return None
        if not isinstance(pid, int) or not all(isinstance(one, str) for one in (url, database, node)):
            return None
        return cls(url, pid, database, node)

    @property
    def text(self) -> str:
        """The file's content."""
        return json.dumps(asdict(self)) + "\n"

    def path(self, data_dir: Path) -> Path:
        """Return the server's file: one for each URL; machines that share the directory do not meet in it."""
        name = re.sub(r"[^\w.]", "-", f"{self.node}_{urlsplit(self.url).netloc}")
        return servers_dir(data_dir) / f"{name}.json"


def known_servers(data_dir: Path) -> Iterator[tuple[Path, LocalServer]]:
    """Yield the servers of this machine that are written down; some may have been killed since."""
    for path in sorted(servers_dir(data_dir).glob("*.json")):
        try:
            found = LocalServer.parse(read_private(path))
        except (OSError, ValueError):  # it is gone by now, or not one of ours
            continue
        if found is not None and found.node == socket.gethostname():
            yield path, found


def read_private(path: Path) -> str:
    """Return the content of a file that only this user can read.

    Raises:
        OSError: It is not there, a link, not a regular file, somebody else's, or open to others.
        ValueError: It is no text.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o077:
            raise PermissionError(
                0, "it must be a file that this user owns and nobody else can read", str(path)
            )
        return file.read(MOST_BYTES).decode()


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 whole, in place of what was there; raise OSError."""
    with _written_beside(path, text) as fresh:
        fresh.replace(path)


def create_private(path: Path, text: str) -> bool:
    """Write a file of mode 0600 whole; return False, and change nothing, if there is one. Raises OSError."""
    with _written_beside(path, text) as fresh:
        try:
            os.link(fresh, path, follow_symlinks=False)
        except FileExistsError:
            return False
        return True


@contextmanager
def _written_beside(path: Path, text: str) -> Iterator[Path]:
    """Write the text to a new file in the same directory, which is made if need be; the file is gone at the end."""
    make_directory(path.parent)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open_text(fresh, "x") as file:
            file.write(text)
        yield fresh
    finally:
        fresh.unlink(missing_ok=True)
