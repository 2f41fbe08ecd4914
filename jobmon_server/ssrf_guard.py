"""Where the server may post to when a workflow's callback asks for it: what a URL may be, and what an address may not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443}
LONGEST_URL = 2_048
_WRITTEN = re.compile("[!-~]+")


@dataclass(frozen=True, slots=True)
class Target:
    """A URL, taken apart for a request; `place` is the host as it stands in the URL, with its port."""

    scheme: str
    place: str
    host: str
    port: int
    path: str


class BadUrl(ValueError):
    """The server posts to no such URL."""


def target_of(url: str) -> Target:
    """Take a URL apart; raise BadUrl with what is wrong about it."""
    if not _WRITTEN.fullmatch(url):
        raise BadUrl("must be written in printable ASCII without blanks")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadUrl(f"is no URL: {error}") from None
    if parts.scheme not in PORTS:
        raise BadUrl(f"must begin with one of: {', '.join(f'{scheme}://' for scheme in PORTS)}")
    if not parts.hostname:
        raise BadUrl("must name a host")
    if "@" in parts.netloc:
        raise BadUrl("may not hold a user or a password: everybody who may read the workflow reads it")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.netloc, parts.hostname, port or PORTS[parts.scheme], path)


def problem_of(url: str) -> str | None:
    """Say what is wrong with a URL as far as it can be told without looking up its host; None if nothing is."""
    try:
        host = target_of(url).host
    except BadUrl as error:
        return str(error)
    try:
        return f"may not lead to {host}" if is_forbidden(host) else None
    except ValueError:  # a name, which is looked up when there is something to post
        return None


def is_forbidden(address: str) -> bool:
    """Tell whether the server posts nothing there: link-local (where clouds keep credentials), unspecified, multicast,
    reserved; in the IPv4 address that an IPv6 address stands for just as well. ValueError for what is no address."""
    meant = _meant(ip_address(address))
    if meant.is_loopback:  # IPv6 counts its own as reserved
        return False
    return meant.is_link_local or meant.is_unspecified or meant.is_multicast or meant.is_reserved


def _meant(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that is reached by way of an IPv6 one, or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address
