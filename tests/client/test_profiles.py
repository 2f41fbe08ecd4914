"""Profiles: which is chosen, what it ranks before, and what it never does: send a token to another server."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobmon_client import config
from jobmon_client.api.client import Api
from jobmon_client.errors import BadSetting

FILE = """
concurrency = 3
kill_grace = 3
token = "of-the-file"

[profiles.cluster]
server_url = "http://cluster:1"
token = "of-the-cluster"
concurrency = 4

[profiles.near]
concurrency = 5

[profiles.far]
server_url = "http://far:1"
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment whose configuration file has profiles."""
    (tmp_path / "config.toml").write_text(FILE)
    return {"HOME": str(tmp_path), "JOBMON_CONFIG_FILE": str(tmp_path / "config.toml")}


@pytest.fixture
def ours(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for what reads the environment of this process."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def test_a_profile_by_flag_ranks_before_the_environment_and_behind_flags(environment: dict[str, str]) -> None:
    environment |= {"JOBMON_CONCURRENCY": "7", "JOBMON_KILL_GRACE": "7"}
    chosen = config.load({"profile": "cluster"}, environment)
    assert (chosen.concurrency, chosen.origins["concurrency"]) == (4, "profile cluster")
    assert (chosen.kill_grace, chosen.origins["kill_grace"]) == (7.0, "environment")
    assert (chosen.profile, chosen.origins["profile"]) == ("cluster", "flag")
    assert config.load({"profile": "cluster", "concurrency": 9}, environment).concurrency == 9


def test_a_profile_by_the_environment_ranks_behind_it(environment: dict[str, str]) -> None:
    environment |= {"JOBMON_PROFILE": "cluster", "JOBMON_CONCURRENCY": "7"}
    chosen = config.load({}, environment)
    assert (chosen.concurrency, chosen.server_url) == (7, "http://cluster:1")
    assert chosen.origins["server_url"] == "profile cluster"
    assert chosen.kill_grace == 3.0


def test_the_file_names_the_profile_that_is_taken_without_a_name(environment: dict[str, str]) -> None:
    Path(environment["JOBMON_CONFIG_FILE"]).write_text('profile = "cluster"\n' + FILE)
    assert config.load({}, environment).server_url == "http://cluster:1"
    assert config.load({}, environment).origins["profile"] == "file"
    assert config.load({}, environment | {"JOBMON_PROFILE": "near"}).concurrency == 5
    assert config.load({"profile": "far"}, environment).server_url == "http://far:1"


def test_without_any_name_no_profile_is_taken(environment: dict[str, str]) -> None:
    chosen = config.load({"profile": None}, environment)
    assert (chosen.profile, chosen.server_url, chosen.concurrency) == (None, None, 3)


def test_an_unknown_profile_lists_those_that_there_are(environment: dict[str, str]) -> None:
    with pytest.raises(
        BadSetting, match=r"no profile 'clutser' in .*config\.toml; known: cluster, far, near"
    ):
        config.load({"profile": "clutser"}, environment)
    with pytest.raises(BadSetting, match="known: none"):
        config.load({"profile": "x"}, {"HOME": "/nowhere"})


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        ("profiles = 3", "profiles is no table"),
        ("[profiles]\nx = 3", "must be a table of settings"),
        ('[profiles.x]\nprofile = "y"', "without a profile"),
        ("[profiles.x]\nconcurency = 3", "unknown setting 'concurency' in profile x"),
        ("[profiles.x]\nconcurrency = 0", "'concurrency' in profile x is 0; allowed"),
        ('[profiles.x]\ntoken = "a"\ntoken_file = "b"', "profile x: give token or token_file, not both"),
    ],
)
def test_a_bad_profile_is_refused(environment: dict[str, str], file: str, problem: str) -> None:
    Path(environment["JOBMON_CONFIG_FILE"]).write_text(file)
    with pytest.raises(BadSetting, match=problem):
        config.load({"profile": "x"}, environment)


def test_a_token_of_another_server_is_not_sent_to_a_profiles(environment: dict[str, str]) -> None:
    environment["JOBMON_TOKEN"] = "of-the-environment"
    far = config.load({"profile": "far"}, environment)
    assert (far.token, far.origins["token"]) == (None, "default")
    assert config.load({"profile": "near"}, environment).token == "of-the-environment"
    assert config.load({"profile": "cluster"}, environment).token == "of-the-cluster"
    assert config.load({"profile": "far", "token": "given"}, environment).token == "given"


def test_a_token_is_read_from_its_file(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "token").write_text("jm_x\n")
    environment["JOBMON_TOKEN_FILE"] = str(tmp_path / "token")
    found = config.load({}, environment)
    assert (found.token, found.origins["token"]) == ("jm_x", "environment")
    assert config.load({"token": "given"}, environment).token == "given"
    assert "jm_x" not in repr(found)


@pytest.mark.parametrize("content", [None, "", " \n", "two\nlines"])
def test_a_token_file_that_holds_no_token_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content)
    with pytest.raises(BadSetting, match=r"token_file .*/token: "):
        config.load({"token_file": tmp_path / "token"}, {"HOME": str(tmp_path)})


def test_agents_get_the_token_and_commands_do_not(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBMON_TOKEN_FILE", "/some/where")
    monkeypatch.setenv("JOBMON_PROFILE", "far")
    agents = config.agent_environment(config.load({"profile": "cluster"}, environment))
    assert agents["JOBMON_TOKEN"] == "of-the-cluster"
    assert not {"JOBMON_TOKEN_FILE", "JOBMON_PROFILE"} & agents.keys()
    assert not {"JOBMON_TOKEN_FILE", "JOBMON_TOKEN"} & config.command_environment().keys()


@pytest.mark.usefixtures("ours")
def test_a_client_is_made_from_a_profile() -> None:
    with Api.from_profile("cluster") as api:
        assert api.server_url == "http://cluster:1"
    with pytest.raises(BadSetting, match="profile 'near' says no server_url"):
        Api.from_profile("near")
    with pytest.raises(BadSetting, match="known: cluster, far, near"):
        Api.from_profile("x")


@pytest.mark.usefixtures("ours")
def test_without_a_name_the_default_profile_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadSetting, match="the settings say no server_url"):
        Api.from_profile()
    monkeypatch.setenv("JOBMON_PROFILE", "far")
    assert Api.from_profile(None).server_url == "http://far:1"


@pytest.mark.usefixtures("ours")
def test_a_client_is_made_from_an_address_and_a_token() -> None:
    assert Api.connect("http://there:1", token="t").server_url == "http://there:1"
    with pytest.raises(BadSetting, match="server_url"):
        Api.connect("there")
