"""Settings: who wins, what is refused, and that a refusal says which key and what it may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobmon_server.config import Settings, old_values
from jobmon_server.errors import ConfigurationError
from jobmon_server.settings.checks import CHECKS


def load(
    tmp_path: Path, flags: dict[str, Any] | None = None, file: str | None = None, **environ: str
) -> Settings:
    """Load settings in a world of our own."""
    if file is not None:
        (tmp_path / "jobmon").mkdir()
        (tmp_path / "jobmon" / "server.toml").write_text(file)
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    return Settings.load(flags, {**home, **environ})


def test_the_defaults_are_one_sqlite_server_on_loopback(tmp_path: Path) -> None:
    settings = load(tmp_path)

    assert settings.database_url == f"sqlite:///{tmp_path}/jobmon/jobmon.db"
    assert (settings.host, settings.port, settings.workers, settings.threads) == ("127.0.0.1", 5070, 1, 16)
    assert settings.reaper_period == 1.0


def test_a_flag_wins_over_the_environment_over_the_file(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        {"port": 1, "host": None},
        "port = 3\nthreads = 3\nlog_level = 'debug'\n",
        JOBMON_PORT="2",
        JOBMON_THREADS="2",
        JOBMON_HOST="localhost",
    )

    assert (settings.port, settings.threads, settings.log_level) == (1, 2, "debug")
    assert settings.host == "localhost"


def test_an_empty_variable_says_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, JOBMON_PORT="").port == 5070


def test_a_relative_xdg_directory_does_not_count(tmp_path: Path) -> None:
    settings = Settings.load({}, {"HOME": str(tmp_path), "XDG_DATA_HOME": "here"})

    assert settings.database_url == f"sqlite:///{tmp_path}/.local/share/jobmon/jobmon.db"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("port", value) for value in ("-1", "65536", "x", "1.5", 2.0, True, [1])],
        ("workers", 0),
        ("threads", "0"),
        ("reaper_period", "nan"),
        ("reaper_period", "0"),
        ("log_level", "loud"),
        ("database_url", 3),
        ("database_url", "mysql://u@h/d"),
        ("database_url", "sqlite"),
        ("database_url", "mysql+pymysql://u@h:port/d"),
        ("max_content_length", "10"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key_and_what_it_may_be(
    tmp_path: Path, name: str, value: Any
) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}: ") as refusal:
        load(tmp_path, {name: value})

    assert (CHECKS[name].__doc__ or "").splitlines()[0] in refusal.value.message


def test_an_unknown_key_in_the_file_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"prot is no setting; allowed: .*port"):
        load(tmp_path, file="prot = 1\n")


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"server\.toml"):
        load(tmp_path, file="port: 1\n")


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no file"):
        load(tmp_path, JOBMON_SERVER_CONFIG_FILE=str(tmp_path / "none.toml"))


def test_sqlite_has_one_server_process(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="SQLite means one server process"):
        load(tmp_path, {"workers": 2})

    assert load(tmp_path, {"workers": 2, "database_url": "mysql+pymysql://u@127.0.0.1/d"}).workers == 2


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.org", ""])  # noqa: S104 - refused
def test_nothing_but_loopback_is_served_without_authentication(tmp_path: Path, host: str) -> None:
    for auth in ("local", "none"):
        with pytest.raises(ConfigurationError, match=rf"^host: .* auth = {auth} .*--auth tokens"):
            load(tmp_path, {"host": host, "auth": auth})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.org"])  # noqa: S104 - taken
def test_with_authentication_any_address_is_served(tmp_path: Path, host: str) -> None:
    assert load(tmp_path, {"host": host, "auth": "tokens"}).host == host
    with pytest.raises(ConfigurationError, match="--auth"):
        load(tmp_path, {"host": host, "auth": "none"}, JOBMON_AUTH="tokens")


@pytest.mark.parametrize(
    ("given", "taken"), [("true", "tokens"), (True, "tokens"), ("false", "none"), (False, "none")]
)
def test_what_auth_was_in_0_1_is_read_and_told(tmp_path: Path, given: object, taken: str) -> None:
    assert load(tmp_path, {"auth": given}).auth == taken
    (said,) = old_values({"auth": given}, {"HOME": str(tmp_path)})
    assert said.endswith(f"is read as {taken!r}: write local, tokens, none.")
    assert old_values({"auth": taken}, {"HOME": str(tmp_path)}) == []


def test_auth_is_local_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    assert load(tmp_path).auth == "local"
    assert load(tmp_path, JOBMON_AUTH="none").auth == "none"
    with pytest.raises(ConfigurationError, match=r"^auth: 'maybe' is not one of local, tokens, none"):
        load(tmp_path, JOBMON_AUTH="maybe")


def test_allowed_hosts_are_names_without_ports(tmp_path: Path) -> None:
    names = load(tmp_path, JOBMON_ALLOWED_HOSTS="Jobmon.example.org, 10.0.0.7").allowed_hosts
    assert names == ("jobmon.example.org", "10.0.0.7")
    with pytest.raises(ConfigurationError, match=r"^allowed_hosts: "):
        load(tmp_path, {"allowed_hosts": ["http://jobmon.example.org/"]})


def test_a_refused_url_is_not_repeated_with_its_password(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        load(tmp_path, JOBMON_DATABASE_URL="postgresql://u:secret@h/d")

    assert "secret" not in refusal.value.message


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_is_served(tmp_path: Path, host: str) -> None:
    assert load(tmp_path, {"host": host}).host == host


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:////a/b.db", "/a/b.db"),
        ("sqlite:////a/b.db?timeout=3", "/a/b.db"),
        ("mysql+pymysql://u:p@127.0.0.1/d", None),
    ],
)
def test_the_server_file_lies_beside_a_sqlite_file(tmp_path: Path, url: str, file: str | None) -> None:
    settings = load(tmp_path, {"database_url": url})

    assert settings.sqlite_file == (Path(file) if file else None)
    if file:
        assert settings.server_file == Path(f"{file}.server")
    else:
        assert settings.server_file.parent == tmp_path / "jobmon"
        assert "u:p" not in str(settings.server_file)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file::memory:?uri=true",
        "sqlite:///file::memory:?cache=shared&uri=true",
        "sqlite:///file:name?mode=memory&cache=shared&uri=true",
        "sqlite:///file:/name?vfs=memdb&uri=true",
        "sqlite:///file:?uri=true",
    ],
)
def test_a_database_in_memory_is_refused_in_a_sentence(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match="database_url: a SQLite database in memory") as refused:
        load(tmp_path, {"database_url": url})
    assert refused.value.exit_code == 2
