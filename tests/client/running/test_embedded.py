from __future__ import annotations

import fcntl
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from jobmon_client import config
from jobmon_client.errors import Unreachable
from jobmon_client.http import Http
from jobmon_client.running.embedded import EmbeddedServer, Place, ServerNotStarted, is_locked
from tests.support.waiting import eventually


def settings(home: Path, **flags: Any) -> config.Settings:
    return config.load({"data_dir": home / "data", **flags}, {"HOME": str(home)})


def test_files_are_beside_a_sqlite_file_else_in_the_data_directory(tmp_path: Path) -> None:
    assert Place.of(settings(tmp_path)).file("server") == tmp_path / "data" / "jobmon.db.server"
    elsewhere = Place.of(settings(tmp_path, database_url=f"sqlite:///{tmp_path / 'x.db'}?timeout=3"))
    assert elsewhere.file("users") == tmp_path / "x.db.users"
    secret = Place.of(settings(tmp_path, database_url="mysql+pymysql://me:secret@db/jobmon")).file("server")
    assert secret.parent == tmp_path / "data"
    assert "secret" not in secret.name
    assert secret != Place.of(settings(tmp_path, database_url="mysql+pymysql://me:secret@db/other")).file(
        "server"
    )


def test_one_server_for_all_who_come_at_once_and_none_when_they_have_left(tmp_path: Path) -> None:
    urls: list[str] = []
    may_leave = threading.Event()

    def use() -> None:
        with EmbeddedServer(settings(tmp_path)) as server:
            urls.append(server.url)
            may_leave.wait(30)

    users = [threading.Thread(target=use) for _ in range(4)]
    for user in users:
        user.start()
    eventually(lambda: len(urls) == 4, 30)
    place = Place.of(settings(tmp_path))
    try:
        assert len(set(urls)) == 1
        assert Http(urls[0], budget=5).call("GET", "/health")
        assert place.log.read_text().count("listening on") == 1
    finally:
        may_leave.set()
        for user in users:
            user.join(10)
    eventually(lambda: not is_locked(place.file("server")), 20)


def test_a_stale_file_is_not_believed(tmp_path: Path) -> None:
    place = Place.of(settings(tmp_path))
    place.data_dir.mkdir()
    place.file("server").write_text(json.dumps({"url": "http://127.0.0.1:1", "pid": 1}))
    with EmbeddedServer(settings(tmp_path)) as server:
        assert server.url != "http://127.0.0.1:1"
    eventually(lambda: not is_locked(place.file("server")), 20)


def test_a_lock_that_is_not_let_go_of_can_be_interrupted(tmp_path: Path) -> None:
    stop = threading.Event()
    place = Place.of(settings(tmp_path))
    place.data_dir.mkdir()
    with place.file("users").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        threading.Timer(0.1, stop.set).start()
        with pytest.raises(Unreachable, match="interrupted"):
            EmbeddedServer(settings(tmp_path), stop).__enter__()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "jobmon.db").write_bytes(b"this is no database, but it is somebody's file" * 100)
    with pytest.raises(ServerNotStarted, match=r"whole log: .*server\.log"):
        EmbeddedServer(settings(tmp_path)).__enter__()
    with Place.of(settings(tmp_path)).file("users").open() as users:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody holds it any more
