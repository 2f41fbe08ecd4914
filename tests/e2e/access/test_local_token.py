"""A server of one's own asks for a token that its user's clients find by themselves, and nobody else has."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from jobmon_client.access.credentials import local_token
from jobmon_server.serving.server_file import read_url
from tests.support.commands import Jobmon
from tests.support.public_python import OTHER_USER, PublicPython
from tests.support.server import LiveServer, environment, serve, start
from tests.support.waiting import eventually

#: What any user of the machine can send.
ASK = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=20).status)"


def files(directory: Path) -> list[Path]:
    """Every file of the local token, and of the servers."""
    return [*directory.glob("jobmon/local-*.token"), *directory.glob("jobmon/servers/*")]


def renewed(home: Path, database_url: str) -> None:
    """`jobmon-server token renew-local`."""
    command = [sys.executable, "-m", "jobmon_server", "token", "renew-local"]
    settings = environment(XDG_DATA_HOME=str(home), JOBMON_DATABASE_URL=database_url)
    ended = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    assert (ended.returncode, "jml_" in ended.stdout) == (0, False), ended.stderr


def test_its_users_clients_find_it_by_the_url(live_server: LiveServer, sqlite_jobmon: Jobmon) -> None:
    assert sqlite_jobmon.json("status", "--server", live_server.url)["workflows"] == []
    named = live_server.url.replace("127.0.0.1", "localhost")
    assert sqlite_jobmon.json("status", "--server", named)["workflows"] == []
    assert requests.get(f"{live_server.url}/api/v1/workflow", timeout=20).status_code == 401
    assert requests.get(f"{live_server.url}/api/v1/workflow", headers=live_server.headers, timeout=20).ok


def test_its_files_are_its_users_alone_and_are_never_told(database_url: str, tmp_path: Path) -> None:
    with serve(database_url, tmp_path) as server:
        token = server.token
        assert len(files(tmp_path)) == 2
        for file in files(tmp_path):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        (announced,) = (tmp_path / "jobmon" / "servers").iterdir()
        assert json.loads(announced.read_text())["url"] == server.url
        assert token not in announced.read_text() + server.log.read_text()
    assert [file.name.startswith("local-") for file in files(tmp_path)] == [True]


def test_it_is_kept_over_restarts_and_shared_until_it_is_renewed(database_url: str, tmp_path: Path) -> None:
    with serve(database_url, tmp_path) as first:
        before = first.token
    with serve(database_url, tmp_path) as again:
        assert again.token == before
        held = {"Authorization": f"Bearer {before}"}
        assert requests.get(f"{again.url}/api/v1/workflow", headers=held, timeout=20).status_code == 200
        renewed(tmp_path, database_url)
        assert requests.get(f"{again.url}/api/v1/workflow", headers=held, timeout=20).status_code == 401
        assert again.token != before
        assert requests.get(f"{again.url}/api/v1/workflow", headers=again.headers, timeout=20).ok


def test_what_a_killed_server_left_is_swept_by_the_next(database_url: str, tmp_path: Path) -> None:
    killed = start(database_url, tmp_path)
    killed.kill()
    assert local_token(tmp_path / "jobmon", killed.url)
    with serve(database_url, tmp_path) as server:
        (announced,) = (tmp_path / "jobmon" / "servers").iterdir()
        assert json.loads(announced.read_text())["url"] == server.url


def test_an_embedded_server_lets_nobody_else_in(
    sqlite_jobmon: Jobmon, public_python: PublicPython, tmp_path: Path
) -> None:
    file = tmp_path / "w.json"
    file.write_text(
        json.dumps(
            {"name": "w", "tasks": [{"name": "a", "command": "while ! test -e go; do sleep 0.1; done"}]}
        )
    )
    running = sqlite_jobmon.start("run", file, "--json")
    place = tmp_path / "jobmon.db.server"
    url = str(eventually(lambda: place.exists() and read_url(place), 40, what="the server says its URL"))
    for path, refused in (("/api/v1/workflow", True), ("/health", False)):
        asked = subprocess.run(
            [public_python.path, "-I", "-c", ASK, url + path],
            env=public_python.environment, capture_output=True, text=True, user=OTHER_USER, group=OTHER_USER, extra_groups=[], cwd="/", check=False,
        )  # fmt: skip
        assert ("HTTP Error 401" in asked.stderr) is refused, asked.stderr
    (tmp_path / "go").touch()
    told, said = running.communicate(timeout=50)
    assert (running.returncode, json.loads(told)["status"]) == (0, "DONE"), said


@pytest.mark.parametrize("auth", ["none", "local"])
def test_an_embedded_server_takes_the_setting_of_the_environment(
    sqlite_jobmon: Jobmon, tmp_path: Path, auth: str
) -> None:
    sqlite_jobmon.settings = {"JOBMON_AUTH": auth, "JOBMON_TOKEN": "of-another-server"}
    file = tmp_path / "w.json"
    file.write_text(json.dumps({"name": "w", "tasks": [{"name": "a", "command": "true"}]}))
    assert sqlite_jobmon.json("run", file)["status"] == "DONE"
    assert (files(tmp_path) == []) is (auth == "none")


def test_a_server_that_asks_nobody_says_so_loudly(database_url: str, tmp_path: Path) -> None:
    with serve(database_url, tmp_path, "--no-auth") as server:
        assert "WARNING: auth = none" in server.log.read_text()
        assert requests.get(f"{server.url}/api/v1/workflow", timeout=20).status_code == 200
        foreign = {"Origin": "http://evil.example"}
        assert requests.get(f"{server.url}/api/v1/workflow", headers=foreign, timeout=20).status_code == 403
        assert files(tmp_path) == []


def test_token_prints_what_would_be_sent(live_server: LiveServer, sqlite_jobmon: Jobmon) -> None:
    local = sqlite_jobmon("token", "--server", live_server.url)
    assert (local.returncode, local.stdout) == (0, live_server.token + "\n")
    nowhere = sqlite_jobmon("token", "--server", "http://127.0.0.1:1")
    assert (nowhere.returncode, "there is no token for http://127.0.0.1:1" in nowhere.stderr) == (2, True)
    sqlite_jobmon.settings = {"JOBMON_TOKEN": "jm_given"}
    assert sqlite_jobmon("token", "--server", live_server.url).stdout == "jm_given\n"


def test_ui_prints_a_link_that_is_good_once(live_server: LiveServer, sqlite_jobmon: Jobmon) -> None:
    shown = sqlite_jobmon("ui", "--no-browser", "--server", live_server.url)
    link = shown.stdout.strip()
    assert re.fullmatch(rf"{live_server.url}/ui/enter\?code=[\w-]+", link), (link, shown.stderr)
    with requests.Session() as browser:
        page = browser.get(link, timeout=20)
        assert (page.status_code, page.url) == (200, f"{live_server.url}/ui/workflows")
    assert requests.get(link, timeout=20).status_code == 401
    unknown = sqlite_jobmon("ui", "99", "--no-browser", "--server", live_server.url)
    assert (unknown.returncode, unknown.stdout) == (2, "")
