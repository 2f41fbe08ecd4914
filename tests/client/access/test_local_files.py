"""The files of the local token: who may read them, and which database they are of."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobmon_client.access.local_files import (
    LocalServer,
    create_private,
    database_digest,
    known_servers,
    read_private,
    write_private,
)


@pytest.mark.parametrize(
    "other",
    [
        "mysql+pymysql://you:other@db.example/jobmon",
        "mysql+pymysql://db.example/jobmon",
        "mysql+pymysql://me:a%2Fb/c:d@db.example/jobmon",
        "mysql+pymysql://db.example/jobmon?password=x&user=me",
    ],
)
def test_a_databases_digest_does_not_depend_on_credentials(other: str) -> None:
    assert database_digest("mysql+pymysql://me:secret@db.example/jobmon") == database_digest(other)
    assert database_digest("mysql+pymysql://me:secret@db.example/jobmon2") != database_digest(other)


def test_a_sqlite_file_has_one_digest_by_whatever_path(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    one = database_digest(f"sqlite:///{tmp_path}/real/j.db")
    assert one == database_digest(f"sqlite:///{tmp_path}/link/../real/j.db?timeout=3")
    assert one == database_digest(f"sqlite:///{tmp_path}/link/j.db")
    assert one != database_digest(f"sqlite:///{tmp_path}/j.db")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_a_private_file_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_private(tmp_path / "written", "a")
        assert create_private(tmp_path / "created", "a")
    finally:
        os.umask(before)
    for name in ("written", "created"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) & 0o077 == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["created", "written"]


def test_a_file_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    path = tmp_path / "token"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: create_private(path, str(number)), range(8)))
    assert made.count(True) == 1
    assert read_private(path) == str(made.index(True))


def test_what_others_can_read_or_link_to_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "token"
    write_private(path, "secret")
    (tmp_path / "link").symlink_to(path)
    (tmp_path / "open").write_text("secret")
    (tmp_path / "open").chmod(0o640)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("link", "open", "pipe"):
        with pytest.raises(OSError):
            read_private(tmp_path / name)


def test_a_link_in_a_files_place_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("as it was")
    (tmp_path / "token").symlink_to(tmp_path / "theirs")
    assert not create_private(tmp_path / "token", "secret")
    write_private(tmp_path / "token", "secret")
    assert (tmp_path / "theirs").read_text() == "as it was"
    assert read_private(tmp_path / "token") == "secret"


def test_servers_of_this_machine_are_known_and_rubbish_is_passed_over(tmp_path: Path) -> None:
    here = LocalServer.here("http://127.0.0.1:5070", "0" * 16)
    far = LocalServer("http://127.0.0.1:5071", 1, "0" * 16, "another-machine")
    for one in (here, far):
        write_private(one.path(tmp_path), one.text)
    for number, text in enumerate(("", "[]", "{", '{"url": 1, "pid": 1, "database": "", "node": ""}')):
        write_private(tmp_path / "servers" / f"{number}.json", text)
    assert list(known_servers(tmp_path)) == [(here.path(tmp_path), here)]
