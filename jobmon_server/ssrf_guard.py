"""Where the server may post to when a workflow's callback asks for it: what a URL may be, and what an address may not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any, Self
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


#: Where clouds tell machines their credentials, beside the link-local addresses: AWS, Google (IPv6), Alibaba, Oracle, Azure.
METADATA = frozenset(
    map(
        ip_address,
        ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"),
    )
)
#: Networks of IPv6 addresses whose last 32 bits are an IPv4 address that a gateway leads to (NAT64).
_TRANSLATED = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
_HOST = re.compile(r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*")


@dataclass(frozen=True, slots=True)
class ForbiddenTargets:
    """What a site forbids beside what nobody may post to: networks, and host names (`.domain`: and all below it)."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    hosts: tuple[str, ...] = ()

    @classmethod
    def parse(cls, given: str | Iterable[str]) -> Self:
        """Read networks, addresses and host names: a text with commas, or a list. Raises ValueError."""
        words = given.split(",") if isinstance(given, str) else list(given)
        networks: list[IPv4Network | IPv6Network] = []
        hosts: list[str] = []
        for word in (one.strip().lower() for one in words):
            if not word:
                continue
            try:
                networks.append(ip_network(word))
            except ValueError:
                if not _HOST.fullmatch(word) or not re.search("[a-z]", word):
                    raise
                hosts.append(word)
        return cls(tuple(networks), tuple(hosts))

    def has_host(self, host: str) -> bool:
        """Tell whether a name is forbidden, whatever its address."""
        name = host.lower().rstrip(".")
        return any(
            name == one.removeprefix(".") or (one.startswith(".") and name.endswith(one))
            for one in self.hosts
        )

    def has_address(self, address: IPv4Address | IPv6Address) -> bool:
        """Tell whether an address lies in a forbidden network."""
        return any(address in network for network in self.networks)


NOTHING_ELSE = ForbiddenTargets()


def forbidden_targets(value: Any) -> tuple[str, ...]:
    """a list of networks (10.0.0.0/8), addresses and host names (.domain for all below one), with commas in a text"""  # noqa: D403
    words = tuple(one.strip() for one in (value.split(",") if isinstance(value, str) else value))
    ForbiddenTargets.parse(words)
    return words


def problem_of(url: str, also: ForbiddenTargets = NOTHING_ELSE) -> str | None:
    """Say what is wrong with a URL as far as it can be told without looking up its host; None if nothing is."""
    try:
        host = target_of(url).host
    except BadUrl as error:
        return str(error)
    if also.has_host(host):
        return f"may not lead to {host}"
    try:
        return f"may not lead to {host}" if is_forbidden(host, also) else None
    except ValueError:  # a name, which is looked up when there is something to post
        return None


def is_forbidden(address: str, also: ForbiddenTargets = NOTHING_ELSE) -> bool:
    """Tell whether the server posts nothing there: link-local, where clouds keep credentials, unspecified, multicast,
    reserved, or forbidden by the site; in the IPv4 address that an IPv6 address stands for just as well.

    Raises:
        ValueError: it is no address.
    """
    written = ip_address(address)
    meant = _meant(written)
    if also.has_address(written) or also.has_address(meant) or meant in METADATA:
        return True
    if meant.is_loopback:  # IPv6 counts its own as reserved
        return False
    return meant.is_link_local or meant.is_unspecified or meant.is_multicast or meant.is_reserved


def _meant(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that is reached by way of an IPv6 one, or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if any(address in network for network in _TRANSLATED):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address
