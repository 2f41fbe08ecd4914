"""Which token a client sends to a server: one that was given, or the local one of its user."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from jobmon_client import profiles
from jobmon_client.access.local_files import known_servers, read_private, token_path
from jobmon_client.config import Settings, default_data_dir
from jobmon_client.errors import BadSetting


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the settings say about tokens.

    `token` was given (by flag, variable or `token_file`); local tokens are looked for in `data_dir`. `is_found`: the
    server was not named but found, or started, by this client: then the local token goes first.
    """

    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    data_dir: Path = field(default_factory=default_data_dir)
    is_found: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Take them from the settings."""
        return cls(settings.token, settings.token_file, settings.data_dir, settings.is_found)


class Bearer:
    """The token for one server: `given` may be sent to whoever answers, `local` only to a process of this user."""

    def __init__(self, server_url: str, credentials: Credentials) -> None:
        """Choose one; raise BadSetting if a file cannot be read."""
        self._url = server_url
        self._credentials = credentials
        self.given = credentials.token
        self.local: str | None = None
        if self.given is None or credentials.is_found:
            self._take_local()

    def read_again(self) -> bool:
        """Read the files again, as the server refused what was sent; tell whether there is a token to try.

        Where a token was given and refused, the local one is next. Raises BadSetting.
        """
        file = self._credentials.token_file
        if self.given is not None and file is not None:
            sent, self.given = self.given, profiles.read_token(file)
            if self.given != sent:
                return True
        self._take_local()
        return self.local is not None

    def _take_local(self) -> None:
        self.local = local_token(self._credentials.data_dir, self._url)
        if self.local is not None:
            self.given = None


def local_token(data_dir: Path, server_url: str) -> str | None:
    """Return this user's token for a server of this machine; None if none is written down for its URL.

    Raises:
        BadSetting: The token's file cannot be read.
    """
    for _, known in known_servers(data_dir):
        if not _is_same(known.url, server_url):
            continue
        path = token_path(data_dir, known.database)
        try:
            return read_private(path).strip() or None
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise BadSetting(f"the local token in {path} (data_dir) cannot be read: {error}") from None
    return None


def is_loopback(host: str | None) -> bool:
    """Tell whether only this machine answers at a host: a loopback address, or localhost."""
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def _is_same(listening: str, asked: str) -> bool:
    """Tell whether two URLs lead to one server; localhost is 127.0.0.1 or ::1."""
    one, other = urlsplit(listening), urlsplit(asked)
    if (one.scheme, one.port) != (other.scheme, other.port or 80):
        return False
    return _host(one.hostname) == _host(other.hostname) or (
        other.hostname == "localhost" and one.hostname in {"127.0.0.1", "::1"}
    )


def _host(name: str | None) -> str:
    try:
        return str(ipaddress.ip_address(name or ""))
    except ValueError:
        return name or ""
