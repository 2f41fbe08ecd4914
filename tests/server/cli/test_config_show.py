"""`jobmon-server config show`: every setting, its value, and where that comes from."""

from __future__ import annotations

import json
import subprocess
from dataclasses import fields
from pathlib import Path

from jobmon_server.config import Settings
from tests.server.serving.test_serve import run


def show(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return run(home, "config", "show", *arguments, **settings)


def test_each_value_says_which_source_it_comes_from(tmp_path: Path) -> None:
    file = tmp_path / ".config" / "jobmon" / "server.toml"
    file.parent.mkdir(parents=True)
    file.write_text("threads = 3\nlease = 4\nport = 1\n")
    ended = show(tmp_path, "--origin", "--json", "--port", "3", JOBMON_PORT="2", JOBMON_LEASE="5")
    found = json.loads(ended.stdout)
    assert found["port"] == {"value": 3, "origin": "flag"}
    assert found["lease"] == {"value": 5.0, "origin": "environment"}
    assert found["threads"] == {"value": 3, "origin": "file"}
    assert found["host"] == {"value": "127.0.0.1", "origin": "default"}
    assert found.keys() == {field.name for field in fields(Settings)}


def test_it_is_readable_and_hides_the_password(tmp_path: Path) -> None:
    url = "mysql+pymysql://me:secret@127.0.0.1/jobmon"
    plain = show(tmp_path, JOBMON_DATABASE_URL=url).stdout
    with_origin = show(tmp_path, "--origin", "--no-auth", JOBMON_DATABASE_URL=url).stdout
    assert "mysql+pymysql://me:***@127.0.0.1/jobmon" in plain
    assert "secret" not in plain + with_origin
    assert ["auth", "local"] in [line.split() for line in plain.splitlines()]
    assert ["auth", "flag", "none"] in [line.split() for line in with_origin.splitlines()]


def test_a_wrong_setting_is_a_usage_error(tmp_path: Path) -> None:
    ended = show(tmp_path, JOBMON_PORT="many")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "port: 'many' is not" in ended.stderr
