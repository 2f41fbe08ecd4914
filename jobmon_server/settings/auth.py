"""The values of the settings that say who may speak to a server: `auth` and `allowed_hosts`."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

LOCAL, TOKENS, NONE = AUTH = ("local", "tokens", "none")
#: What `auth` was before it had three values.
OLD_AUTH = {"true": TOKENS, "1": TOKENS, "false": NONE, "0": NONE}


def is_old(value: Any) -> bool:
    """Tell whether it is a value of `auth` from before there were three."""
    return str(value).lower() in OLD_AUTH


def old_value(value: Any, source: str) -> str:
    """Say what an old value is read as."""
    return f"auth: {value!r} ({source}) is read as {OLD_AUTH[str(value).lower()]!r}: write {', '.join(AUTH)}."


def check_auth(value: Any) -> str:
    """one of local, tokens, none"""  # noqa: D403 - it is put into a sentence
    word = str(value).lower()
    if OLD_AUTH.get(word, word) not in AUTH:
        raise ValueError
    return OLD_AUTH.get(word, word)


def check_hosts(value: Any) -> tuple[str, ...]:
    """a list of host names or addresses without ports, with commas between them in a text"""  # noqa: D403
    names = tuple(value.split(",")) if isinstance(value, str) else tuple(value)
    if not all(isinstance(name, str) and re.fullmatch(r"[\w.:-]{1,255}", name.strip()) for name in names):
        raise ValueError
    return tuple(name.strip().lower() for name in names)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach the address; a name other than localhost is not trusted."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
