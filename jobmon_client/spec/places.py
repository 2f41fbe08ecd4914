"""Where the caller stands: the directory that commands run in unless their definition says another."""

from __future__ import annotations

import os
from contextlib import suppress


def absolute(path: str) -> str | None:
    """Return a path made absolute from where the caller stands.

    Returns:
        None where the caller stands in a directory that is gone, or that has a name which is no UTF-8: then nothing is
        recorded, and the command runs where its worker stands.
    """
    with suppress(OSError):
        found = os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - no link is resolved
        with suppress(UnicodeEncodeError):
            found.encode()
            return found
    return None
