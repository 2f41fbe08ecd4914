"""What each setting of the server may be: one check a setting, whose docstring is put into the error's sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from jobmon_client.states import LostContact
from jobmon_server.errors import ConfigurationError
from jobmon_server.settings import auth
from jobmon_server.settings.database_url import database_url
from jobmon_server.settings.extra_index import extra_indexes
from jobmon_server.ssrf_guard import forbidden_targets

LONGEST_EXPIRY = 10 * 365 * 86_400  # seconds
LEVELS = ("debug", "info", "warning", "error")


def _number(kind: type[int | float], least: float, most: float) -> Callable[[Any], Any]:
    """Make the check of a number in a range."""

    def check(value: Any) -> int | float:
        if isinstance(value, bool) or (kind is int and isinstance(value, float)):
            raise ValueError
        number = kind(value)
        if not least <= number <= most:
            raise ValueError
        return number

    check.__doc__ = f"a{'n integer' if kind is int else ' number'} from {least} to {most}"
    return check


def _text(value: Any) -> str:
    """a string"""  # noqa: D403 - it is put into a sentence
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - one kind of error for every wrong value
    return value


def _level(value: Any) -> str:
    if str(value).lower() not in LEVELS:
        raise ValueError
    return str(value).lower()


_level.__doc__ = f"one of {', '.join(LEVELS)}"


def _lost_contact(value: Any) -> str:
    return LostContact(value).value


_lost_contact.__doc__ = f"one of {', '.join(LostContact)}"


def _flag(value: Any) -> bool:
    """true or false"""  # noqa: D403 - it is put into a sentence
    words = {"true": True, "1": True, "false": False, "0": False}
    return value if isinstance(value, bool) else words[str(value).lower()]


def _names(value: Any) -> tuple[str, ...]:
    """a list of names of letters, digits and _, with commas between them in a text"""  # noqa: D403
    names = tuple(value.split(",")) if isinstance(value, str) else tuple(value)
    if not all(isinstance(name, str) and re.fullmatch("[a-z][a-z0-9_]{0,63}", name) for name in names):
        raise ValueError
    return names


CHECKS: dict[str, Callable[[Any], Any]] = {
    "database_url": database_url,
    "data_dir": _text,
    "host": _text,
    "port": _number(int, 0, 65535),
    "workers": _number(int, 1, 1024),
    "threads": _number(int, 1, 1024),
    "reaper_period": _number(float, 0.01, 3600.0),
    "lease": _number(float, 0.1, 3600.0),
    "lost_contact": _lost_contact,
    "cluster_patience": _number(float, 0.0, LONGEST_EXPIRY),
    "while_used": _text,
    "max_content_length": _number(int, 1024, 2**31),
    "head_timeout": _number(float, 0.1, 3600.0),
    "body_timeout": _number(float, 0.1, 3600.0),
    "reply_timeout": _number(float, 0.1, 3600.0),
    "log_level": _level,
    "log_sql": _flag,
    "auth": auth.check_auth,
    "allowed_hosts": auth.check_hosts,
    "expiry_minimum": _number(int, 0, LONGEST_EXPIRY),
    "expiry_maximum": _number(int, 0, LONGEST_EXPIRY),
    "expiry_default": _number(int, 0, LONGEST_EXPIRY),
    "keep_last": _number(int, 1, 10_000),
    "purge_after": _number(float, 0.0, LONGEST_EXPIRY),
    "archive_dir": _text,
    "journal_retention": _number(float, 0.0, LONGEST_EXPIRY),
    "keeper_period": _number(float, 0.01, 86_400.0),
    "callback_timeout": _number(float, 0.1, 600.0),
    "callback_attempts": _number(int, 1, 100),
    "callback_delay": _number(float, 0.01, 3600.0),
    "query_seconds": _number(float, 0.1, 100.0),
    "pattern_seconds": _number(float, 0.1, 100.0),
    "query_values": _number(int, 1, 100_000),
    "callback_forbidden": forbidden_targets,
    "metric_names": _names,
    "metric_samples": _number(int, 1, 10_000),
    "extra_indexes": extra_indexes,
}


def checked(name: str, value: Any) -> Any:
    """Return the value as its type, or raise ConfigurationError naming the setting and what it may be."""
    check = CHECKS[name]
    try:
        return check(value)
    except (ValueError, TypeError, OverflowError, KeyError):
        # A database URL may hold a password.
        shown = "the value" if name == "database_url" else repr(value)
        raise ConfigurationError(f"{name}: {shown} is not {check.__doc__}.") from None
