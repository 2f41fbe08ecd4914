"""Texts as they may be read by whoever reads a log: without tokens, digests, passwords, and what stands in a URL's query."""

from __future__ import annotations

import re

SHOWN = "***"
#: A token; the user and password of a URL, up to the last `@` before its path ends; the values of its query.
_TOKEN = re.compile(r"jm_[\w-]+")
_USER = re.compile(r"""://[^\s"'<>]*@""")
_QUERY = re.compile(r"""(://[^\s"'<>?#]*)\?([^\s"'<>#]*)""")
_VALUE = re.compile(r"=[^&;]*")
_DIGEST = re.compile("[0-9a-f]{64}")


def redacted(text: str) -> str:
    """Return a text without its secrets: `https://***@host/path?key=***`, `jm_***`, `***` for what is a digest."""
    if _DIGEST.fullmatch(text):
        return SHOWN
    text = _TOKEN.sub(f"jm_{SHOWN}", text)
    if "://" not in text:
        return text
    text = _USER.sub(f"://{SHOWN}@", text)
    return _QUERY.sub(lambda found: f"{found[1]}?{_without_values(found[2])}", text)


def _without_values(query: str) -> str:
    """Return the names of a query; one that has none is a secret as a whole."""
    return _VALUE.sub(f"={SHOWN}", query) if "=" in query else SHOWN
