"""Settings of the server: flag, then `JOBMON_*` of the environment, then the TOML file, then the default.

The only reader of `os.environ` in the server. The file is `JOBMON_SERVER_CONFIG_FILE`, or `jobmon/server.toml` under the
XDG configuration directory; its keys are the field names of `Settings`.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from jobmon_client.states import LostContact
from jobmon_client.system.private_files import make_directory
from jobmon_server.errors import ConfigurationError
from jobmon_server.settings import auth as auth_setting
from jobmon_server.settings.checks import checked
from jobmon_server.settings.database_url import refuse_hard_links
from jobmon_server.settings.extra_index import ExtraIndex
from jobmon_server.settings.query_limits import QueryLimits

METRIC_NAMES = ("load", "rss_bytes", "vsize_bytes", "disk_free_bytes", "cpu_seconds", "wall_seconds")
SQLITE = "sqlite:///"


WHERE = "JOBMON_DATA_DIR and JOBMON_DATABASE_URL say where files are kept"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server process goes by; every value is checked when it is made."""

    database_url: str = ""
    data_dir: str = ""
    host: str = "127.0.0.1"
    port: int = 5070
    workers: int = 0
    threads: int = 16
    reaper_period: float = 1.0
    lease: float = 10.0
    #: What workers out of touch do, where neither task nor workflow says: `continue` or `stop`.
    lost_contact: str = LostContact.CONTINUE.value
    #: For how many seconds in all a distributor that cannot ask its cluster may put off an instance's deadlines.
    cluster_patience: float = 86_400.0
    while_used: str = ""
    max_content_length: int = 64 * 1024 * 1024
    #: Seconds in which a request's head and body must have come, and a reply must have been taken.
    head_timeout: float = 10.0
    body_timeout: float = 60.0
    reply_timeout: float = 60.0
    log_level: str = "info"
    log_sql: bool = False
    #: Whose token is asked for: `local`, `tokens` or `none`; off loopback `tokens` alone.
    auth: str = auth_setting.LOCAL
    #: Names by which clients may call this server beside its address and loopback's.
    allowed_hosts: tuple[str, ...] = ()
    #: How long a workflow that is over is kept before it is flagged: what is allowed, and what is taken if nothing is said.
    expiry_minimum: int = 600
    expiry_maximum: int = 86_400
    expiry_default: int = 3_600
    #: How many of an owner's workflows that finished last are never flagged.
    keep_last: int = 1
    #: Seconds that a flagged workflow stays before its rows are deleted; 0: until somebody deletes it.
    purge_after: float = 0.0
    #: Where a workflow is written to before its rows are deleted; nowhere if empty.
    archive_dir: str = ""
    #: How long rows of the journal between the first and the last of an ended instance are kept; 0: for ever.
    journal_retention: float = 0.0
    keeper_period: float = 60.0
    callback_timeout: float = 10.0
    callback_attempts: int = 8
    callback_delay: float = 1.0
    #: What one query may cost: seconds of a read, of a search with patterns, and values in all its conditions.
    query_seconds: float = 10.0
    pattern_seconds: float = 2.0
    query_values: int = 10_000
    #: Networks, addresses and host names that no callback is posted to, beside those that none ever is.
    callback_forbidden: tuple[str, ...] = ()
    metric_names: tuple[str, ...] = METRIC_NAMES
    metric_samples: int = 100
    #: Indexes of this site's own, made by `db upgrade` and `db indexes` beside ours.
    extra_indexes: tuple[ExtraIndex, ...] = ()

    @classmethod
    def load(cls, flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Self:
        """Join all sources; a flag that is None was not given. Raises ConfigurationError."""
        environment = os.environ if environ is None else environ
        given = {
            name: value for source in _sources(flags, environment).values() for name, value in source.items()
        }
        settings = cls(**{name: checked(name, value) for name, value in given.items()})
        return settings.completed(_home(environment, "XDG_DATA_HOME", ".local/share"))

    def completed(self, data_home: Path) -> Self:
        """Fill in what depends on other settings, and refuse what does not go together."""
        data_dir = self.data_dir or str(data_home / "jobmon")
        url = self.database_url or f"{SQLITE}{Path(data_dir).absolute() / 'jobmon.db'}"
        is_sqlite = url.startswith("sqlite")
        if is_sqlite and self.workers > 1:
            raise ConfigurationError(
                "workers: SQLite means one server process, so at most 1; use MariaDB for more."
            )
        if self.auth != auth_setting.TOKENS and not auth_setting.is_loopback(self.host):
            raise ConfigurationError(
                f"host: {self.host} is not a loopback address (127.0.0.1, ::1, localhost); with auth = {self.auth} a server"
                " listens nowhere else: give --auth tokens, and make tokens by `jobmon-server token create`."
            )
        if not self.expiry_minimum <= self.expiry_default <= self.expiry_maximum:
            raise ConfigurationError(
                f"expiry_default: {self.expiry_default} is not from expiry_minimum, {self.expiry_minimum},"
                f" to expiry_maximum, {self.expiry_maximum}."
            )
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        workers = 1 if is_sqlite else self.workers or len(os.sched_getaffinity(0))
        return type(self)(**{**values, "database_url": url, "data_dir": data_dir, "workers": workers})

    @property
    def sqlite_file(self) -> Path | None:
        """The database's file, absolute and without links: its one name, whatever it is called; None for no file."""
        path = self.database_url.removeprefix(SQLITE).partition("?")[0]
        has_file = self.database_url.startswith(SQLITE) and path not in {"", ":memory:"}
        return Path(path).resolve() if has_file else None

    @property
    def limits(self) -> QueryLimits:
        """What one query may cost; a quarter of the threads search at once."""
        return QueryLimits(self.query_seconds, self.pattern_seconds, max(1, self.threads // 4))

    def prepare_place(self) -> None:
        """Make the directory that the database's file or the server file lies in, for this user alone.

        Raises:
            ConfigurationError: It cannot be made, or the database's file has another name too.
        """
        try:
            make_directory(self.server_file.parent)
        except OSError as error:
            raise ConfigurationError(
                f"Cannot make {self.server_file.parent}: {error.strerror}; {WHERE}."
            ) from None
        if self.sqlite_file is not None:
            refuse_hard_links(self.sqlite_file)

    @property
    def server_file(self) -> Path:
        """The file that says where this database's server listens; beside a SQLite file, else in the data directory."""
        if self.sqlite_file is not None:
            return self.sqlite_file.with_name(self.sqlite_file.name + ".server")
        digest = hashlib.sha256(self.database_url.encode()).hexdigest()[:16]
        return Path(self.data_dir, f"{digest}.server")


def child_environment(**settings: str) -> dict[str, str]:
    """Return the environment for a server of our own: this one's, with these settings in it."""
    return {**os.environ, **{f"JOBMON_{name.upper()}": value for name, value in settings.items()}}


def own_environment() -> dict[str, str]:
    """Return what a server inside another program takes from the environment: where this user's clients look, and `auth`."""
    data_dir = str(_home(os.environ, "XDG_DATA_HOME", ".local/share") / "jobmon")
    return {"JOBMON_DATA_DIR": data_dir} | {
        name: os.environ[name] for name in ("JOBMON_DATA_DIR", "JOBMON_AUTH") if os.environ.get(name)
    }


def old_values(flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> list[str]:
    """Return a sentence for each setting whose value is of an older version, and which is read as today's."""
    sources = _sources(flags, os.environ if environ is None else environ)
    return [
        auth_setting.old_value(given["auth"], name)
        for name, given in sources.items()
        if auth_setting.is_old(given.get("auth"))
    ]


def origins(
    flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return, for each setting, which source its value comes from: flag, environment, file or default."""
    sources = _sources(flags, os.environ if environ is None else environ)
    found = {field.name: "default" for field in fields(Settings)}
    return found | {name: source for source, given in sources.items() for name in given}


def _sources(flags: Mapping[str, Any] | None, environ: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return what each source gives, the last one winning; a flag that is None was not given."""
    return {
        "file": _from_file(environ),
        "environment": _from_environment(environ),
        "flag": {name: value for name, value in (flags or {}).items() if value is not None},
    }


def _home(environ: Mapping[str, str], variable: str, otherwise: str) -> Path:
    """Return an XDG directory, which counts only if it is absolute."""
    named = Path(environ.get(variable) or "")
    return named if named.is_absolute() else Path(environ.get("HOME") or Path.home()) / otherwise


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    names = {f"JOBMON_{field.name.upper()}": field.name for field in fields(Settings)}
    return {names[key]: value for key, value in environ.items() if key in names and value}


def _from_file(environ: Mapping[str, str]) -> dict[str, Any]:
    named = environ.get("JOBMON_SERVER_CONFIG_FILE")
    path = Path(named or _home(environ, "XDG_CONFIG_HOME", ".config") / "jobmon" / "server.toml")
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        if named:
            raise ConfigurationError(f"JOBMON_SERVER_CONFIG_FILE: there is no file {path}.") from None
        return {}
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path}: {error}") from None
    allowed = [field.name for field in fields(Settings)]
    unknown = [key for key in given if key not in allowed]
    if unknown:
        raise ConfigurationError(
            f"{path}: {', '.join(unknown)} is no setting; allowed: {', '.join(allowed)}."
        )
    return given
