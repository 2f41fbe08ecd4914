"""Which token is sent: the one that was given, or the local one, and that to this user's processes alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from jobmon_client.access.credentials import Bearer, Credentials
from jobmon_client.access.local_files import LocalServer, token_path, write_private
from jobmon_client.errors import Denied, ForeignServer
from jobmon_client.http import Http
from tests.client.access.test_peer import listener
from tests.support.public_python import OTHER_USER, PublicPython

DATABASE = "0123456789abcdef"


class Door:
    """Answers 200 to the tokens that it takes, 401 to all else; remembers what it got."""

    def __init__(self, *taken: str | None) -> None:
        self.taken = set(taken)
        self.got: list[str | None] = []
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                given = self.headers.get("Authorization")
                door.got.append(given and given.removeprefix("Bearer "))
                self.send_response(200 if door.got[-1] in door.taken else 401)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_facts: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    @contextmanager
    def opened(self) -> Iterator[Door]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


@pytest.fixture
def door() -> Iterator[Door]:
    with Door("local", "given").opened() as door:
        yield door


def announce(data_dir: Path, url: str, token: str = "local") -> None:  # noqa: S107 - no secret
    """What a server writes down."""
    server = LocalServer.here(url, DATABASE)
    write_private(server.path(data_dir), server.text)
    write_private(token_path(data_dir, DATABASE), token + "\n")


def ask(url: str, credentials: Credentials) -> None:
    Http(url, budget=0, credentials=credentials).call("GET", "/x")


def test_the_local_token_is_found_by_the_url(door: Door, tmp_path: Path) -> None:
    announce(tmp_path, door.url)
    ask(door.url, Credentials(data_dir=tmp_path))
    ask(f"http://localhost:{door.port}/", Credentials(data_dir=tmp_path))
    assert door.got == ["local", "local"]


def test_a_token_that_was_given_goes_first_but_not_to_a_server_that_was_found(
    door: Door, tmp_path: Path
) -> None:
    announce(tmp_path, door.url)
    ask(door.url, Credentials("given", data_dir=tmp_path))
    ask(door.url, Credentials("given", data_dir=tmp_path, is_found=True))
    assert door.got == ["given", "local"]


def test_where_no_local_server_is_written_down_the_given_token_is_all_there_is(
    door: Door, tmp_path: Path
) -> None:
    announce(tmp_path, "http://127.0.0.1:1")
    ask(door.url, Credentials("given", data_dir=tmp_path, is_found=True))
    with pytest.raises(Denied):
        ask(door.url, Credentials(data_dir=tmp_path))
    assert door.got == ["given", None]


def test_after_a_401_the_file_is_read_again_and_the_call_repeated_once(door: Door, tmp_path: Path) -> None:
    announce(tmp_path, door.url, "old")
    http = Http(door.url, budget=0, credentials=Credentials(data_dir=tmp_path))
    announce(tmp_path, door.url, "local")
    http.call("GET", "/x")
    assert door.got == ["old", "local"]
    announce(tmp_path, door.url, "wrong")
    door.taken.clear()
    with pytest.raises(Denied):
        http.call("GET", "/x")
    assert door.got == ["old", "local", "local", "wrong"]


def test_a_token_file_that_was_renewed_is_read_again(door: Door, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("given\n")
    ask(door.url, Credentials("old", file, tmp_path))
    assert door.got == ["old", "given"]


def test_a_given_token_that_is_refused_makes_room_for_the_local_one(door: Door, tmp_path: Path) -> None:
    announce(tmp_path, door.url)
    ask(door.url, Credentials("of another server", data_dir=tmp_path))
    assert door.got == ["of another server", "local"]


def test_nothing_is_sent_to_another_users_process(public_python: PublicPython, tmp_path: Path) -> None:
    with listener(public_python, "127.0.0.1", "accept", OTHER_USER) as port:
        url = f"http://127.0.0.1:{port}"
        announce(tmp_path, url)
        with pytest.raises(ForeignServer, match=f"nothing was sent to {url}.*process of user {OTHER_USER}"):
            Http(url, timeout=20, budget=60, credentials=Credentials(data_dir=tmp_path)).call("GET", "/x")


def test_a_worker_waits_until_its_server_is_back_in_its_place(
    public_python: PublicPython, tmp_path: Path
) -> None:
    stop = threading.Event()
    with listener(public_python, "127.0.0.1", "accept", OTHER_USER) as port:
        url = f"http://127.0.0.1:{port}"
        announce(tmp_path, url)
        http = Http(url, timeout=20, budget=None, stop=stop, credentials=Credentials(data_dir=tmp_path))
        threading.Timer(0.5, stop.set).start()
        with pytest.raises(Exception, match="stopped while waiting"):
            http.call("GET", "/x")


def test_netrc_is_never_read(door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("default login me password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    far = f"http://127.0.0.2.nip.invalid:{door.port}"
    monkeypatch.setenv("http_proxy", door.url)
    ask(far, Credentials("given", data_dir=tmp_path))
    with pytest.raises(Denied):
        ask(far, Credentials(data_dir=tmp_path))
    assert door.got == ["given", None]


def test_a_token_that_others_can_read_is_not_sent(tmp_path: Path) -> None:
    announce(tmp_path, "http://127.0.0.1:5070")
    token_path(tmp_path, DATABASE).chmod(0o644)
    with pytest.raises(Exception, match=r"the local token in .*data_dir"):
        Bearer("http://127.0.0.1:5070", Credentials(data_dir=tmp_path))
