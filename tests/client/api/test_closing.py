"""A client that is closed has no socket left, in no thread, and says so when it is used."""

from __future__ import annotations

import threading

import pytest

from jobmon_client.api.client import Api
from jobmon_client.errors import Closed, JobmonError
from jobmon_client.http import Http
from tests.client.scripted_server import ScriptedServer
from tests.support.sockets import sockets_to
from tests.support.waiting import eventually


def open_sockets(server: ScriptedServer) -> int:
    """How many sockets of this process are connected to the server."""
    return len(sockets_to(int(server.url.rpartition(":")[2])))


class Callers:
    """Threads that have called once and stay."""

    def __init__(self, api: Api, count: int) -> None:
        self._go = threading.Event()
        self._called = threading.Barrier(count + 1)
        self.raised: list[JobmonError] = []
        self._threads = [threading.Thread(target=self._run, args=(api,)) for _ in range(count)]
        for thread in self._threads:
            thread.start()
        self._called.wait(10)

    def _run(self, api: Api) -> None:
        api.health()
        self._called.wait(10)
        self._go.wait(10)
        try:
            api.health()
        except JobmonError as error:
            self.raised.append(error)

    def call_again(self) -> None:
        """Let each call once more, and end."""
        self._go.set()
        for thread in self._threads:
            thread.join(10)


def test_closing_closes_the_sockets_of_all_threads(server: ScriptedServer) -> None:
    api = Api(Http(server.url, budget=1))
    api.health()
    callers = Callers(api, 3)
    assert open_sockets(server) == 4
    api.close()
    assert open_sockets(server) == 0
    callers.call_again()
    assert [type(error) for error in callers.raised] == [Closed] * 3
    assert open_sockets(server) == 0


def test_a_closed_client_says_that_it_is_closed(server: ScriptedServer) -> None:
    api = Api(Http(server.url, budget=1))
    api.close()
    with pytest.raises(Closed, match="was closed: it makes no more calls"):
        api.health()
    assert server.calls == []


def test_to_close_twice_or_on_leaving_a_with_is_no_error(server: ScriptedServer) -> None:
    with Api(Http(server.url, budget=1)) as api:
        api.health()
        api.close()
    api.close()
    with pytest.raises(Closed), api:
        api.health()


def test_the_socket_of_a_thread_that_ended_does_not_stay(server: ScriptedServer) -> None:
    api = Api(Http(server.url, budget=1))
    Callers(api, 3).call_again()
    # A thread that was joined may still have to let go of what is its own.
    eventually(lambda: open_sockets(server) == 0, what="the sockets are closed")
    api.health()
    api.close()


def test_a_call_that_waits_for_a_lost_server_ends_when_the_client_is_closed(server: ScriptedServer) -> None:
    server.down = True
    api = Api(Http(server.url, budget=30))
    raised: list[JobmonError] = []

    def call() -> None:
        try:
            api.health()
        except JobmonError as error:
            raised.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    api.close()
    thread.join(20)
    assert [type(error) for error in raised] == [Closed]
