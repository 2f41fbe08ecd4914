"""Texts as they may be read by whoever reads a log: without tokens, digests, passwords, and the keys of a URL."""

from __future__ import annotations

import re

SHOWN = "***"
#: A token; the user and password of a URL, up to the last `@` before its path ends; the values of its query.
_TOKEN = re.compile(r"jm_[\w-]+")
_USER = re.compile(r"""://[^\s"'<>]*@""")
_QUERY = re.compile(r"""(://[^\s"'<>?#]*)\?([^\s"'<>#]*)""")
#: The way of a URL, and what in it nobody would write by hand: the keys of many a service's hooks.
_PATH = re.compile(r"""(://[^\s"'<>?#/]*)(/[^\s"'<>?#]*)""")
_KEY = re.compile(r"/(?=[^/]*\d)[\w.~-]{20,}(?=/|$)")
_VALUE = re.compile(r"=[^&;]*")
_DIGEST = re.compile("[0-9a-f]{64}")


def redacted(text: str) -> str:
    """Return a text without its secrets: `https://***@host/path?key=***`, `https://host/hook/***`, `jm_***`, `***` for what is a digest."""
    if _DIGEST.fullmatch(text):
        return SHOWN
    text = _TOKEN.sub(f"jm_{SHOWN}", text)
    if "://" not in text:
        return text
    text = _USER.sub(f"://{SHOWN}@", text)
    text = _PATH.sub(lambda found: f"{found[1]}{_KEY.sub(f'/{SHOWN}', found[2])}", text)
    return _QUERY.sub(lambda found: f"{found[1]}?{_without_values(found[2])}", text)


def _without_values(query: str) -> str:
    """Return the names of a query; one that has none is a secret as a whole."""
    return _VALUE.sub(f"={SHOWN}", query) if "=" in query else SHOWN
