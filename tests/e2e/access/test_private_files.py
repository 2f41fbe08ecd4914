"""What a run leaves behind is its user's alone; a SQLite file has one server, whatever its path is called."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from jobmon_client import config
from jobmon_client.running.embedded import Place
from tests.support.server import environment, serve

BIN = Path(sys.executable).parent


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_everything_that_a_run_makes_is_closed_to_others(tmp_path: Path, umask: int) -> None:
    (tmp_path / "w.json").write_text(
        '{"name": "x", "tasks": [{"name": "a", "command": "echo out; echo err >&2"}]}'
    )
    own = {**environment(HOME=str(tmp_path)), "JOBMON_DATA_DIR": str(tmp_path / "above" / "data")}
    command = [str(BIN / "jobmon"), "run", str(tmp_path / "w.json"), "--json"]
    subprocess.run(command, env=own, check=True, capture_output=True, umask=umask, timeout=120)

    made = [tmp_path / "above", *(tmp_path / "above").rglob("*")]
    names = {path.name.partition(".")[2] for path in made}
    assert {"db", "db.starting", "db.users", "log", "out"} <= names
    modes = {str(path): stat.S_IMODE(path.lstat().st_mode) for path in made}
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}


@pytest.mark.sqlite
def test_a_second_server_of_a_file_by_another_name_is_refused(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real, target_is_directory=True)
    (tmp_path / "j.db").symlink_to(real / "j.db")
    with serve(f"sqlite:///{real}/j.db", tmp_path) as server:
        for name in (link / "j.db", tmp_path / "j.db"):
            url = f"sqlite:///{name}"
            command = [str(BIN / "jobmon-server"), "serve", "--port", "0", "--database-url", url]
            again = subprocess.run(
                command,
                check=False,
                env=environment(HOME=str(tmp_path)),
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert (again.returncode, server.url in again.stderr) == (4, True), again.stderr


def test_a_database_is_one_place_to_its_clients_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "data", target_is_directory=True)
    places = {
        Place.of(
            config.load({"database_url": f"sqlite:///{tmp_path}/{name}/j.db"}, {"HOME": str(tmp_path)})
        ).stem
        for name in ("data", "link", "link/../data")
    }
    assert places == {tmp_path / "data" / "j.db"}
