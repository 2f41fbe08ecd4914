"""What each setting of the client may be: how it is read, and what its error says is allowed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypedDict
from urllib.parse import urlsplit

from jobmon_client.errors import BadSetting

MOST_DELAYS = 100


def checked(name: str, value: object, origin: str) -> object:
    """Return the value in its type; raise BadSetting if the name is unknown or the value not allowed."""
    if name not in KNOWN:
        raise BadSetting(f"unknown setting {name!r} in {origin}; known: {', '.join(sorted(KNOWN))}")
    parse, allowed = KNOWN[name]
    try:
        return parse(value)
    except FileNotFoundError:
        raise BadSetting(
            f"setting {name!r} in {origin} is the relative path {value!r}, and the current directory does not exist any more"
        ) from None
    except (TypeError, ValueError, RuntimeError):
        raise BadSetting(f"setting {name!r} in {origin} is {value!r}; allowed: {allowed}") from None


def text(value: object) -> str:
    """Accept a string that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(value)
    return value


def url(value: object) -> str:
    """Accept an http or https address."""
    parts = urlsplit(text(value))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(value)
    return text(value).rstrip("/")


def path(value: object) -> Path:
    """Accept a path; `~` is the user's home, and it is made absolute."""
    return (value if isinstance(value, Path) else Path(text(value))).expanduser().absolute()


def number(least: float, most: float) -> Callable[[object], float]:
    """Accept a number of seconds (or a factor) between the two, ends included."""

    def parse(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise TypeError(value)
        found = float(value)
        if not least <= found <= most:
            raise ValueError(value)
        return found

    return parse


def whole(value: object) -> int:
    """Accept a whole number from 1 to 10,000."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(value)
    found = int(value)
    if not 1 <= found <= 10_000:
        raise ValueError(value)
    return found


def delays(value: object) -> tuple[float, ...]:
    """Accept numbers of seconds: a text with commas, or a list."""
    if isinstance(value, bool | bytes) or not isinstance(value, int | float | str | list | tuple):
        raise TypeError(value)
    each = (
        [value] if isinstance(value, int | float) else value.split(",") if isinstance(value, str) else value
    )
    if not 1 <= len(each) <= MOST_DELAYS:
        raise ValueError(value)
    return tuple(map(number(0, 86_400), each))


def level(value: object) -> str:
    """Accept the name of a log level."""
    found = text(value).lower()
    if found not in {"debug", "info", "warning", "error"}:
        raise ValueError(value)
    return found


KNOWN: dict[str, tuple[Callable[[object], object], str]] = {
    "server_url": (url, "an http:// or https:// address"),
    "database_url": (text, "a database address, such as sqlite:////path/to/file"),
    "token": (text, "a text that is not empty"),
    "token_file": (path, "a path"),
    "profile": (text, "the name of a table [profiles.NAME] in the file"),
    "data_dir": (path, "a path"),
    "log_dir": (path, "a path"),
    "heartbeat_interval": (number(0.05, 86_400), "seconds, from 0.05 to 86400"),
    "report_by_factor": (number(2, 100), "a number from 2 to 100"),
    "request_timeout": (number(0.1, 3_600), "seconds, from 0.1 to 3600"),
    "retry_budget": (number(0, 86_400), "seconds, from 0 to 86400"),
    "step_retry_delays": (delays, "1 to 100 numbers of seconds, from 0 to 86400, separated by commas"),
    "step_max_attempts": (whole, "a whole number from 1 to 10000"),
    "concurrency": (whole, "a whole number from 1 to 10000"),
    "lost_contact_limit": (number(0, 2_592_000), "seconds, from 0 to 2592000"),
    "cluster_patience": (number(0, 2_592_000), "seconds, from 0 to 2592000"),
    "metrics_interval": (number(0, 86_400), "seconds, from 0 (never) to 86400"),
    "agent_patience": (
        number(0, 86_400),
        "seconds, from 0 (as long as the server waits for a heartbeat, at least 10) to 86400",
    ),
    "kill_grace": (number(0, 3_600), "seconds, from 0 to 3600"),
    "log_level": (level, "debug, info, warning or error"),
}


class SettingKeywords(TypedDict, total=False):
    """The settings as keywords: what an editor completes and mypy checks; None stands for "not given"."""

    database_url: str | None
    token: str | None
    token_file: str | Path | None
    profile: str | None
    data_dir: str | Path | None
    log_dir: str | Path | None
    heartbeat_interval: float | None
    report_by_factor: float | None
    request_timeout: float | None
    retry_budget: float | None
    step_retry_delays: list[float] | str | None
    step_max_attempts: int | None
    lost_contact_limit: float | None
    cluster_patience: float | None
    metrics_interval: float | None
    agent_patience: float | None
    kill_grace: float | None
    log_level: str | None
