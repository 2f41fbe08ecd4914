"""What every request is held to, whoever makes it: it names this server, and no page of another site made it.

A browser lets any page send requests to any address, this machine's loopback too. What such a request cannot do is name
this server in `Host` where the page's own name leads here (DNS rebinding), leave out its `Origin`, or send JSON without
asking first.
"""

from __future__ import annotations

import ipaddress
import socket
from functools import cache
from urllib.parse import urlsplit

from flask import Flask, request

from jobmon_server.config import Settings
from jobmon_server.errors import ForeignOrigin, Misdirected, UnsupportedMedia
from jobmon_server.routes.http.endpoint import PREFIX
from jobmon_server.settings.auth import is_loopback

API = "/api/"
#: Whoever watches a server calls it by any name.
ANY_HOST = frozenset({"/health", "/ready", f"{PREFIX}/health", f"{PREFIX}/ready"})
MOST_KEPT = 1_000
PORTS = {"http": 80, "https": 443}


class HostNames:
    """The names by which a server may be called."""

    def __init__(self, settings: Settings) -> None:
        """Take them from the settings: the address that is bound, and `allowed_hosts`."""
        self._bound = settings.host.lower()
        self._allowed = {self._bound, *settings.allowed_hosts}
        self._is_wildcard = _is_wildcard(settings.host)
        self._kept: set[str] = set()

    def has(self, header: str) -> bool:
        """Tell whether a `Host` header, with any port, names this server."""
        if header in self._kept:
            return True
        name, _ = _host_and_port(header)
        is_ours = is_loopback(name) or name in self._allowed or self._is_bound(name)
        if is_ours and len(self._kept) < MOST_KEPT:
            self._kept.add(header)
        return is_ours

    def _is_bound(self, name: str) -> bool:
        """Tell whether it is an address that was bound, or for a wildcard a name or an address of the machine."""
        if self._is_wildcard:
            return name in _own_names() or _is_own_address(name)
        return name in _addresses(self._bound)


def install(app: Flask, settings: Settings) -> None:
    """Refuse what does not name this server, and what a page of another site sends."""
    names = HostNames(settings)

    def check() -> None:
        host = request.headers.get("Host", "")
        if request.path not in ANY_HOST and not names.has(host):
            raise Misdirected(
                f"The Host header {host[:255]!r} does not name this server; other names of it belong into allowed_hosts."
            )
        origin = request.headers.get("Origin")
        if origin is not None and not is_same_site(origin, host):
            raise ForeignOrigin

    app.before_request(check)


def install_media(app: Flask) -> None:
    """Refuse bodies on the API that are not JSON: what a page of another site may send without asking is none."""

    def check() -> None:
        if request.path.startswith(API) and _has_body() and not _is_json(request.mimetype):
            raise UnsupportedMedia(
                f"Content-Type is {request.mimetype[:255] or 'missing'!r}; a body must be application/json, or …+json."
            )

    app.before_request(check)


def is_same_site(origin: str, host: str) -> bool:
    """Tell whether an `Origin` has the host and the port of a `Host`; a port that is left out is the scheme's."""
    try:
        parts = urlsplit(origin)
        usual = PORTS[parts.scheme]
        theirs = _host_and_port(parts.netloc)
    except (ValueError, KeyError):
        return False
    ours = _host_and_port(host)
    return bool(ours[0]) and (theirs[0], theirs[1] or usual) == (ours[0], ours[1] or usual)


def _host_and_port(text: str) -> tuple[str, int | None]:
    """Take `name:port` apart; a name of "" where it is neither that nor a name alone."""
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError:
        return "", None
    if parts.netloc != text or "@" in text:
        return "", None
    name = (parts.hostname or "").removesuffix(".")
    try:
        return str(ipaddress.ip_address(name)), port
    except ValueError:
        return name, port


def _has_body() -> bool:
    return bool(request.content_length) or "Transfer-Encoding" in request.headers


def _is_json(mimetype: str) -> bool:
    return mimetype == "application/json" or mimetype.endswith("+json")


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


@cache
def _own_names() -> frozenset[str]:
    """The machine's names, with and without their domain; they are looked up once."""
    names = {socket.gethostname().lower(), socket.getfqdn().lower()}
    return frozenset(names | {name.partition(".")[0] for name in names})


@cache
def _addresses(name: str) -> frozenset[str]:
    """The addresses that a name has; looked up once."""
    try:
        return frozenset(str(info[4][0]) for info in socket.getaddrinfo(name, None))
    except OSError:
        return frozenset()


def _is_own_address(name: str) -> bool:
    """Tell whether it is an address of this machine: only such a one can be bound."""
    try:
        address = ipaddress.ip_address(name)
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((name, 0))
    except (ValueError, OSError):
        return False
    return True
