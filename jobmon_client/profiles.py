"""Profiles: tables `[profiles.NAME]` of the configuration file, each a set of settings, of which one is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobmon_client.errors import BadSetting

Source = tuple[str, Mapping[str, Any]]
TOKENS = ("token", "token_file")


def in_order(file: Path, content: Mapping[str, Any], environment: Source, flags: Source) -> list[Source]:
    """Return the sources of settings, each with its name; a later one wins.

    The chosen profile ranks where it was named: by a flag before the environment, else behind it. Raise BadSetting.
    """
    given = {name: value for name, value in content.items() if name != "profiles"}
    by_flag, before = flags[1].get("profile"), environment[1].get("profile") or given.get("profile")
    chosen = by_flag or before
    sources = [("file", given), environment, flags]
    if chosen is not None:
        profile = (f"profile {chosen}", _find(content.get("profiles", {}), chosen, file))
        sources.insert(2 if by_flag else 1, profile)
    return sources


def _find(profiles: object, name: object, file: Path) -> Mapping[str, Any]:
    if not isinstance(profiles, Mapping):
        raise BadSetting(f"config file {file}: profiles is no table; write [profiles.NAME]")
    known = ", ".join(sorted(profiles)) or "none"
    if name not in profiles:
        raise BadSetting(f"there is no profile {name!r} in {file}; known: {known}")
    found = profiles[name]
    if not isinstance(found, Mapping) or "profile" in found:
        raise BadSetting(
            f"config file {file}: profile {name!r} must be a table of settings, without a profile"
        )
    return found


def left_behind(origin: str, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return which settings of earlier sources this one does away with.

    A token of whatever kind takes the place of any before it. That of another server is not sent to a profile's.
    """
    both = [name for name in TOKENS if name in given]
    if len(both) == len(TOKENS):
        raise BadSetting(f"{origin}: give token or token_file, not both")
    return TOKENS if both or (origin.startswith("profile ") and "server_url" in given) else ()


def read_token(file: Path) -> str:
    """Return what the file holds, without the line's end. Raise BadSetting."""
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise BadSetting(f"token_file {file}: {error}") from None
    if not text or not text.isprintable():
        raise BadSetting(f"token_file {file}: it must hold a token and nothing else")
    return text
