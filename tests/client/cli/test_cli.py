from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from jobmon_client import config
from jobmon_client.cli.options import one_line, plain
from jobmon_client.errors import ServerFailed
from jobmon_client.running import progress
from jobmon_client.running.connection import connected
from tests.client.scripted_server import ScriptedServer
from tests.support.commands import Jobmon


@pytest.fixture
def jobmon(tmp_path: Path) -> Jobmon:
    return Jobmon(tmp_path, f"sqlite:///{tmp_path / 'jobmon.db'}")


def test_without_the_extra_it_says_what_to_install(jobmon: Jobmon) -> None:
    hidden = "import sys; sys.modules['click'] = None; from jobmon_client.cli import main; main()"
    ended = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "pip install 'jobmon[cli]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_server_that_fails_is_said_and_not_waited_for_without_end(
    jobmon: Jobmon, server: ScriptedServer, tmp_path: Path
) -> None:
    file = tmp_path / "w.json"
    file.write_text(json.dumps({"name": "w", "tasks": [{"name": "a", "command": "true"}]}))
    server.script.append((200, {}, b'{"status": "ok"}'))
    server.script.extend([(500, {}, b"{}")] * 500)
    jobmon.settings = {"JOBMON_SERVER_URL": server.url}
    ended = jobmon("run", file)
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "jobmon: the server fails: POST" in ended.stderr
    assert "HTTP status 500" in ended.stderr


def test_of_a_server_of_our_own_the_log_is_named(tmp_path: Path) -> None:
    settings = config.load({"data_dir": tmp_path}, {"HOME": str(tmp_path)})
    said = f"500; its log: {settings.data_dir / 'server.log'}"
    with pytest.raises(ServerFailed, match=said), connected(settings):
        raise ServerFailed("500")


def test_settings_and_their_origins(jobmon: Jobmon) -> None:
    jobmon.settings = {"JOBMON_CONCURRENCY": "7", "JOBMON_TOKEN": "very secret"}
    shown = jobmon.json("config", "show", "--origin")
    assert shown["concurrency"] == {"value": 7, "origin": "environment"}
    assert shown["heartbeat_interval"] == {"value": 30.0, "origin": "default"}
    assert shown["token"] == {"value": "(set)", "origin": "environment"}
    lines = jobmon("config", "show").stdout.splitlines()
    assert ["concurrency", "7"] in [line.split() for line in lines]
    assert "secret" not in "".join(lines)


def test_each_value_says_whether_a_flag_the_environment_a_file_or_nobody_gave_it(
    jobmon: Jobmon, tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    file.write_text('server_url = "http://file:1"\nconcurrency = 3\nkill_grace = 4\n')
    jobmon.settings = {"JOBMON_CONFIG_FILE": str(file), "JOBMON_CONCURRENCY": "5"}
    ended = jobmon("config", "show", "--origin", "--server", "http://flag:1")
    said = {words[0]: words[1:] for words in map(str.split, ended.stdout.splitlines())}
    assert said["SETTING"] == ["VALUE", "ORIGIN"]
    assert said["server_url"] == ["http://flag:1", "flag"]
    assert said["concurrency"] == ["5", "environment"]
    assert said["kill_grace"] == ["4.0", "file"]
    assert said["report_by_factor"] == ["3.1", "default"]


def test_a_bad_setting_is_a_usage_error(jobmon: Jobmon) -> None:
    jobmon.settings = {"JOBMON_CONCURRENCY": "many"}
    ended = jobmon("config", "show")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "concurrency" in ended.stderr
    assert "allowed: a whole number" in ended.stderr


def test_no_text_steers_the_terminal() -> None:
    assert plain("a\x1b[2Jb\nc\td é 𝄞\u202e") == "a\\x1b[2Jb\nc\td é 𝄞\\u202e"
    assert one_line("first\n last one \n\n") == "last one"
    assert one_line("x" * 200, 10) == "x" * 9 + "…"
    assert one_line(None) == ""


def test_progress_without_a_terminal_is_lines() -> None:
    stream = io.StringIO()
    with progress.shown("work", stream=stream) as on_progress:
        for done in (0, 1, 1, 2):
            on_progress({"tasks": {"DONE": done, "RUNNING": 2 - done}})
    assert (
        stream.getvalue()
        == "work: 0 of 2 done, 2 running, 0 failed\nwork: 2 of 2 done, 0 running, 0 failed\n"
    )


def test_no_progress_where_none_is_wanted() -> None:
    stream = io.StringIO()
    with progress.shown("work", enabled=False, stream=stream) as on_progress:
        on_progress({"tasks": {"DONE": 1}})
    assert stream.getvalue() == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands(jobmon: Jobmon, shell: str) -> None:
    script = jobmon("completion", shell)
    assert script.returncode == 0
    assert f"_JOBMON_COMPLETE={shell}_complete" in script.stdout
    at = "insta" if shell == "fish" else "1"
    jobmon.settings = {
        "_JOBMON_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": "jobmon insta",
        "COMP_CWORD": at,
    }
    assert "instance" in jobmon().stdout


def test_who_is_denied_is_told_with_the_exit_code_of_usage(jobmon: Jobmon, server: ScriptedServer) -> None:
    server.script.append((200, {}, b'{"status": "ok"}'))
    server.script.append((403, {}, b'{"error": {"code": "denied", "message": "a viewer may not"}}'))
    jobmon.settings = {"JOBMON_SERVER_URL": server.url}
    ended = jobmon("status", 1)
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", "jobmon: a viewer may not\n")
