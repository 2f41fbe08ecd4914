"""Settings: flag > environment > file > default, and each value knows where it came from; profiles: `profiles.py`.

The only reader of `os.environ` in the client.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from jobmon_client import profiles
from jobmon_client.errors import BadSetting
from jobmon_client.setting_checks import KNOWN, checked, path

PREFIX = "JOBMON_"
FOREIGN_PREFIX = "JOBMON__"
LONGEST_INCREMENT = 2_592_000.0
LONGEST_RUN_SILENCE = 5.0
FOUND = "found"
"""Origin of the `server_url` of a server that nobody named: it was found, or started, by the client."""
SHORTEST_AGENT_PATIENCE = 10.0
"""Seconds, where none are set."""
SECRET = frozenset({"JOBMON_TOKEN", "JOBMON_TOKEN_FILE"})
OURS = SECRET | {"JOBMON_PROFILE"}


@dataclass(frozen=True)
class Settings:
    """Every setting of the client; times in seconds. `origins` names, for each, flag, environment, file or default."""

    server_url: str | None = None
    database_url: str | None = None
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    profile: str | None = None
    data_dir: Path = Path()
    log_dir: Path = Path()
    heartbeat_interval: float = 30.0
    report_by_factor: float = 3.1
    step_retry_delays: tuple[float, ...] = (1.0, 5.0, 30.0)
    step_max_attempts: int = 5
    request_timeout: float = 30.0
    retry_budget: float = 60.0
    concurrency: int = 1
    kill_grace: float = 10.0
    lost_contact_limit: float = 3_600.0
    cluster_patience: float = 86_400.0
    metrics_interval: float = 60.0
    agent_patience: float = 0.0
    log_level: str = "warning"
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def is_found(self) -> bool:
        """Whether the server was found, or started, by the client itself."""
        return self.origins.get("server_url") == FOUND

    def at(self, server_url: str) -> Self:
        """Return these settings for a server that was found."""
        return replace(self, server_url=server_url, origins={**self.origins, "server_url": FOUND})

    @property
    def next_report_increment(self) -> float:
        """Seconds within which the server is promised to hear of us again."""
        return self.heartbeat_interval * self.report_by_factor

    @property
    def longest_agent_silence(self) -> float:
        """Seconds that an agent may take to answer its distributor before it is ended."""
        return self.agent_patience or max(SHORTEST_AGENT_PATIENCE, self.next_report_increment)

    @property
    def run_heartbeat_interval(self) -> float:
        """Seconds between a run's signs of life: short, for it is one call, and a dead owner's workflow waits for it."""
        return min(self.heartbeat_interval, LONGEST_RUN_SILENCE)

    @property
    def run_increment(self) -> float:
        """Seconds within which a run's owner is promised to be heard of again."""
        return self.run_heartbeat_interval * self.report_by_factor


def load(
    flags: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    config_file: Path | None = None,
) -> Settings:
    """Gather the settings; a flag that is None was not given. Raise BadSetting naming the key and what is allowed."""
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    origins = dict.fromkeys(KNOWN, "default")
    file = config_file or default_file(environment)
    content = from_file(file, environment, asked=config_file is not None)
    told = {name: value for name, value in (flags or {}).items() if value is not None}
    for origin, given in profiles.in_order(
        file, content, ("environment", from_environment(environment)), ("flag", told)
    ):
        for name in profiles.left_behind(origin, given):
            values.pop(name, None)
            origins[name] = "default"
        for name, value in given.items():
            values[name] = checked(name, value, origin)
            origins[name] = origin
    if "token_file" in values:
        values["token"] = profiles.read_token(values["token_file"])
        origins["token"] = origins["token_file"]
    values.setdefault("data_dir", home(environment, "XDG_DATA_HOME", ".local/share") / "jobmon")
    values.setdefault("log_dir", values["data_dir"] / "logs")
    values.setdefault("concurrency", len(os.sched_getaffinity(0)))
    settings = Settings(**values, origins=origins)
    if settings.next_report_increment > LONGEST_INCREMENT:
        raise BadSetting(
            f"heartbeat_interval x report_by_factor may be {LONGEST_INCREMENT:.0f} seconds at most"
        )
    return settings


def spool_dir(settings: Settings, server_url: str, users_file: Path | None = None) -> Path:
    """Return where workers keep results until a server has heard them: beside the logs, by what names its database.

    An embedded server has another address at each start, and the same file that its users lock.
    """
    return settings.log_dir / "spool" / _database_digest(server_url, users_file)


def database_log_dir(settings: Settings, server_url: str, users_file: Path | None = None) -> Path:
    """Return where commands of one database write: workers of two servers never share a file, whatever their ids."""
    return settings.log_dir / _database_digest(server_url, users_file)


def _database_digest(server_url: str, users_file: Path | None) -> str:
    identity = os.fsencode(users_file) if users_file is not None else server_url.encode()
    return hashlib.sha256(identity).hexdigest()[:16]


def command_environment() -> dict[str, str]:
    """Return the environment for a user's command: ours without our settings; `worker.process.variables` adds what it has of us.

    `JOBMON__` begins the names of another system, which are left.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(PREFIX) or name.startswith(FOREIGN_PREFIX)
    }


def server_environment(**settings: str) -> dict[str, str]:
    """Return the environment for a server of our own: ours with these settings of it, without the client's token."""
    ours = {name: value for name, value in os.environ.items() if name not in SECRET}
    return {**ours, **{PREFIX + name.upper(): value for name, value in settings.items()}}


def agent_environment(settings: Settings) -> dict[str, str]:
    """Return the environment for an agent of ours: what it has to know and its command line does not say.

    Its token is told, not where we found it: that file, and our profiles, may be on another machine. A local token is
    not told: the agent finds it in the data directory, again and again.
    """
    told = (
        "token",
        "data_dir",
        "report_by_factor",
        "request_timeout",
        "kill_grace",
        "metrics_interval",
        "log_level",
    )
    values = {name: getattr(settings, name) for name in told}
    ours = {name: value for name, value in os.environ.items() if name not in OURS}
    return {
        **ours,
        **{PREFIX + name.upper(): str(value) for name, value in values.items() if value is not None},
    }


def from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings among the JOBMON_* variables; other JOBMON_* variables (the server's) are not ours to judge."""
    found = {name: environment.get(PREFIX + name.upper()) for name in KNOWN}
    return {name: value for name, value in found.items() if value}


def from_file(path: Path, environment: Mapping[str, str], *, asked: bool) -> dict[str, Any]:
    """Return the content of the TOML file; it must exist if somebody named it."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        if asked or environment.get("JOBMON_CONFIG_FILE"):
            raise BadSetting(f"config file {path} does not exist") from None
        return {}
    except (OSError, ValueError) as error:
        raise BadSetting(f"config file {path}: {error}") from error


def default_file(environment: Mapping[str, str]) -> Path:
    """Return the file that JOBMON_CONFIG_FILE names, else config.toml in the user's directory."""
    named = environment.get("JOBMON_CONFIG_FILE")
    return (
        Path(named) if named else home(environment, "XDG_CONFIG_HOME", ".config") / "jobmon" / "config.toml"
    )


def default_data_dir() -> Path:
    """Return the data directory of a client without settings of its own."""
    named = os.environ.get("JOBMON_DATA_DIR")
    return path(named) if named else home(os.environ, "XDG_DATA_HOME", ".local/share") / "jobmon"


def has_display() -> bool:
    """Tell whether a browser could show something here, and not in the terminal."""
    return any(os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"))


def home(environment: Mapping[str, str], variable: str, otherwise: str) -> Path:
    """Return the XDG directory, which counts only if it is absolute."""
    named = Path(environment.get(variable) or "")
    try:
        return named if named.is_absolute() else Path(environment.get("HOME") or Path.home()) / otherwise
    except RuntimeError:  # neither the environment nor the system knows one
        raise BadSetting(
            f"this user has no home directory: set HOME or {variable} to a directory that can be written"
        ) from None
