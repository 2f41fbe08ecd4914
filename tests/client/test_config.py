"""Where settings come from, and which are refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from jobmon_client import config
from jobmon_client.errors import BadSetting
from jobmon_client.setting_checks import KNOWN


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "config.toml"
    file.write_text('concurrency = 3\nheartbeat_interval = 5\nserver_url = "http://file:1"\n')
    return {"HOME": str(tmp_path), "JOBMON_CONFIG_FILE": str(file)}


def test_a_flag_goes_before_the_environment_the_file_and_the_default(environment: dict[str, str]) -> None:
    environment |= {"JOBMON_CONCURRENCY": "4", "JOBMON_SERVER_URL": "http://env:1"}
    settings = config.load({"server_url": "http://flag:1", "concurrency": None}, environment)
    assert (settings.server_url, settings.origins["server_url"]) == ("http://flag:1", "flag")
    assert (settings.concurrency, settings.origins["concurrency"]) == (4, "environment")
    assert (settings.heartbeat_interval, settings.origins["heartbeat_interval"]) == (5.0, "file")
    assert (settings.report_by_factor, settings.origins["report_by_factor"]) == (3.1, "default")


def test_every_setting_is_known_and_has_an_origin(tmp_path: Path) -> None:
    names = {setting.name for setting in dataclasses.fields(config.Settings)} - {"origins"}
    assert set(KNOWN) == names == set(config.load({}, {"HOME": str(tmp_path)}).origins)


def test_the_deadline_is_ninety_three_seconds_by_default(tmp_path: Path) -> None:
    assert config.load({}, {"HOME": str(tmp_path)}).next_report_increment == pytest.approx(93)


def test_data_lives_where_xdg_says(tmp_path: Path) -> None:
    plain = config.load({}, {"HOME": "/home/me"})
    assert (plain.data_dir, plain.log_dir) == (Path("/home/me/.local/share/jobmon"), plain.data_dir / "logs")
    assert config.load({}, {"HOME": "/home/me", "XDG_DATA_HOME": "/data"}).data_dir == Path("/data/jobmon")
    assert config.load({}, {"HOME": "/home/me", "XDG_DATA_HOME": "not/absolute"}).data_dir == plain.data_dir


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVER_URL", "ftp://x"),
        ("HEARTBEAT_INTERVAL", "often"),
        ("HEARTBEAT_INTERVAL", "0"),
        ("HEARTBEAT_INTERVAL", "nan"),
        ("CONCURRENCY", "0"),
        ("CONCURRENCY", "1.5"),
        ("REPORT_BY_FACTOR", "1"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_bad_value_is_refused_with_its_name_and_what_is_allowed(
    tmp_path: Path, name: str, value: str
) -> None:
    with pytest.raises(BadSetting, match=rf"'{name.lower()}' in environment is '{value}'; allowed: "):
        config.load({}, {"HOME": str(tmp_path), f"JOBMON_{name}": value})


def test_an_unknown_key_in_the_file_is_refused(environment: dict[str, str]) -> None:
    Path(environment["JOBMON_CONFIG_FILE"]).write_text("concurency = 3\n")
    with pytest.raises(BadSetting, match=r"unknown setting 'concurency' in file; known: .*concurrency"):
        config.load({}, environment)


def test_a_file_that_was_named_must_exist(environment: dict[str, str]) -> None:
    Path(environment["JOBMON_CONFIG_FILE"]).unlink()
    with pytest.raises(BadSetting, match="does not exist"):
        config.load({}, environment)


def test_a_promise_longer_than_the_server_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="2592000"):
        config.load({"heartbeat_interval": 86_400, "report_by_factor": 100}, {"HOME": str(tmp_path)})


def test_the_token_is_neither_shown_nor_given_to_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBMON_TOKEN", "secret")
    assert config.load().token == "secret"
    assert "secret" not in repr(config.load())
    assert "JOBMON_TOKEN" not in config.command_environment()


def test_a_deadline_is_at_least_two_heartbeats(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="report_by_factor"):
        config.load({"report_by_factor": 1.9}, {"HOME": str(tmp_path)})
    assert config.load({"report_by_factor": 2}, {"HOME": str(tmp_path)}).report_by_factor == 2


def test_logs_of_two_databases_lie_apart(tmp_path: Path) -> None:
    settings = config.load({"log_dir": tmp_path}, {"HOME": str(tmp_path)})
    here, there, embedded = (
        config.database_log_dir(settings, "http://here:1"),
        config.database_log_dir(settings, "http://there:1"),
        config.database_log_dir(settings, "http://here:1", tmp_path / "jobmon.db.users"),
    )
    assert len({here, there, embedded}) == 3
    assert {one.parent for one in (here, there, embedded)} == {tmp_path}
