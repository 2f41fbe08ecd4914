"""A short run of the chaos harness, and its judge and its proxy seen to say what they should."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobmon_client.states import LostContact
from tests.chaos.__main__ import beside, main, mode, summary
from tests.chaos.drive import Run
from tests.chaos.kills import CUTS, chosen, cuts
from tests.chaos.proxy import Fault, Proxy
from tests.chaos.verdict import LONGEST_BESIDE, WRONG, Facts, judge, recoveries
from tests.chaos.workload import COMMAND, Marks, lines
from tests.chaos.world import INCREMENT, Store, store
from tests.support.waiting import eventually

STOP, CONTINUE = LOST_CONTACT = (LostContact.STOP, LostContact.CONTINUE)
#: JOBMON_CHAOS_RUNS makes it shorter, to see that it runs.
LONG_RUNS = os.environ.get("JOBMON_CHAOS_RUNS", "100")  # noqa: TID251 - a knob of this test alone
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def database() -> Iterator[Store]:
    with store() as made:
        yield made


@pytest.mark.slow
@pytest.mark.mariadb
@pytest.mark.parametrize("number", [0, 1])
def test_whoever_dies_the_workflow_ends_right(database: Store, number: int) -> None:
    run = Run(seed=1, number=number, tasks=50, lost_contact=LOST_CONTACT[number])
    said: list[str] = []
    verdict = run(database, said.append)
    assert verdict.is_right, (verdict.to_json(), said)
    assert run.struck["cut"] >= 1
    counted = summary([(run, verdict)])
    assert (counted["runs"], counted["done"], counted["checks_clean"]) == (1, 1, 1)
    assert sum(counted["kills"].values()) >= 1


@pytest.mark.mariadb
@pytest.mark.long(sibling="tests/chaos/test_chaos.py::test_whoever_dies_the_workflow_ends_right")
@pytest.mark.timeout(8 * 3600)
def test_a_hundred_workflows_end_right_whoever_dies() -> None:
    assert main(["--runs", LONG_RUNS, "--seed", "101", "--json"]) == 0


def test_a_schedule_is_drawn_from_its_seed() -> None:
    first, again, other = Run(7, 3, 40), Run(7, 3, 40), Run(7, 4, 40)
    assert (first.blows, first.cuts, first.definition) == (again.blows, again.cuts, again.definition)
    assert first.blows != other.blows
    assert first.cuts != other.cuts
    assert first.definition["tasks"] != other.definition["tasks"]


def facts(*instances: tuple[int, int, str], done: tuple[int, ...] = (), check: str = "") -> Facts:
    tasks = [(1, "a", "D"), (2, "b", "D")]
    return Facts(tasks, list(instances), [(number, NOON) for number in done], check)


RIGHT = ((11, 1, "E"), (12, 1, "D"), (13, 2, "D"))


def marks(**ended: list[int]) -> Marks:
    made = Marks()
    made.ended.update(ended)
    return made


def test_the_judge_finds_nothing_where_there_is_nothing() -> None:
    verdict = judge(facts(*RIGHT, done=(12, 13)), "DONE", marks(a=[12], b=[13]), {12, 13}, STOP)
    assert verdict.is_right
    assert (verdict.attempts, verdict.re_runs) == (3, 0)


@pytest.mark.parametrize(
    ("what", "found", "left"),
    [
        ("doubled", facts(*RIGHT, (14, 1, "D"), done=(12, 13, 14)), marks(a=[12, 14], b=[13])),
        ("doubled", facts(*RIGHT, done=(12, 12, 13)), marks(a=[12], b=[13])),
        ("lost", facts(*RIGHT, done=(12, 13)), marks(a=[11], b=[13])),
        ("undone", facts(*RIGHT, done=(11, 12, 13)), marks(a=[11, 12], b=[13])),
        ("not_done", facts(*RIGHT[:2], done=(12,)), marks(a=[12])),
        ("check", facts(*RIGHT, done=(12, 13), check="1 violations"), marks(a=[12], b=[13])),
    ],
)
def test_the_judge_says_what_is_wrong(what: str, found: Facts, left: Marks) -> None:
    verdict = judge(found, "DONE", left, set(), STOP)
    assert not verdict.is_right
    assert [name for name in ("not_done", *WRONG) if getattr(verdict, name)] == [what]


@pytest.mark.parametrize(
    ("lost_contact", "seconds", "is_right"),
    [
        (STOP, 0.0, False),
        (STOP, 0.2, False),
        (CONTINUE, 0.2, True),
        (CONTINUE, LONGEST_BESIDE, True),
        (CONTINUE, LONGEST_BESIDE + 0.1, False),
    ],
)
def test_the_judge_says_who_ran_beside_another(
    lost_contact: LostContact, seconds: float, is_right: bool
) -> None:
    left = marks(a=[12], b=[13])
    left.beside = [("a", 12, seconds)]
    verdict = judge(facts(*RIGHT, done=(12, 13)), "DONE", left, set(), lost_contact)
    assert verdict.is_right == is_right
    counted = beside([(Run(1, 1, 2, lost_contact), verdict)], lost_contact)
    assert (counted["attempts"], counted["too_long"]) == (1, int(not is_right))
    assert counted["seconds"]["max"] == seconds


def attempt(home: Path, number: int) -> subprocess.Popen[bytes]:
    """Start a command of the workload as an attempt of task a, in a session of its own."""
    text = COMMAND.format(name="a", steps=10_000, step=0.05, before="", after="")
    return subprocess.Popen(
        ["/bin/sh", "-c", text],
        cwd=home,
        env={"PATH": os.defpath, "JOBMON_TASK_INSTANCE_ID": str(number)},
        start_new_session=True,
    )


def read(home: Path) -> Marks:
    return Marks.read(home / "marks", {"tasks": [{"name": "a", "upstream": []}]})


def lives(home: Path, number: int) -> bool:
    return sum(one[0] == "lives" and one[2] == number for one in lines(home / "marks")) >= 3


@pytest.mark.parametrize("is_beside", [True, False])
def test_commands_show_by_themselves_which_ran_beside_another(tmp_path: Path, is_beside: bool) -> None:
    first = attempt(tmp_path, 1)
    eventually(lambda: lives(tmp_path, 1))
    if not is_beside:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    second = attempt(tmp_path, 2)
    eventually(lambda: lives(tmp_path, 2))
    for one in (first, second):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(one.pid, signal.SIGKILL)
        one.wait()
    found = read(tmp_path).beside
    assert [(name, number) for name, number, _ in found] == ([("a", 2)] if is_beside else [])
    assert all(seconds > 0 for *_, seconds in found)


def test_what_a_command_left_is_beside_the_next_attempt(tmp_path: Path) -> None:
    (tmp_path / "marks").write_text(
        "began a 1 5.0\nlives a 1 5.2\nbeside a 2 6.0\nbegan a 2 6.0\nended a 2 6.4\n"
    )
    assert read(tmp_path).beside == [("a", 2, 0.0)]


def test_each_run_of_a_pair_has_the_other_setting() -> None:
    assert [mode("both", number) for number in (0, 1)] == [STOP, CONTINUE]
    assert [mode("stop", number) for number in (0, 1)] == [STOP, STOP]


def test_what_was_acknowledged_and_is_not_done_is_undone() -> None:
    verdict = judge(facts(*RIGHT, done=(12, 13)), "DONE", marks(a=[11, 12], b=[13]), {11}, STOP)
    assert (verdict.undone, verdict.re_runs) == ([11], 1)


def test_recovery_is_counted_to_the_next_task_that_is_done() -> None:
    found = facts(*RIGHT, done=(12, 13))
    moment = NOON.timestamp()
    assert recoveries(found, [("server", moment - 2.5), ("worker", moment + 1)]) == [("server", 2.5)]


def test_workers_are_cut_off_for_longer_than_their_deadline() -> None:
    drawn = cuts(random.Random(1), 200)
    assert {blow.fault for blow in drawn} == set(CUTS)
    assert {chosen("abc", blow.choice) for blow in drawn} == set("abc")
    assert min(blow.amount for blow in drawn) > 2 * INCREMENT


@contextlib.contextmanager
def through(proxy_of: socket.socket) -> Iterator[tuple[Proxy, socket.socket]]:
    """A proxy before an echo, and a connection through it."""
    proxy = Proxy(proxy_of.getsockname()[1])
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as connection:
        yield proxy, connection
    proxy.close()


@pytest.fixture
def echo() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,), daemon=True)
        thread.start()
        yield listener
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def answer(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):  # also when the test is over before anybody connects
        connection, _ = listener.accept()
        with connection:
            while data := connection.recv(100):
                connection.sendall(data)


def ask(connection: socket.socket) -> bytes:
    connection.sendall(b"12345678")
    return connection.recv(100)


def ask_on(connection: socket.socket) -> None:
    """Ask until the connection is found to be lost, at the third time at the latest."""
    for _ in range(3):
        ask(connection)


def test_a_proxy_passes_on(echo: socket.socket) -> None:
    with through(echo) as (_, connection):
        assert [ask(connection), ask(connection)] == [b"12345678"] * 2


@pytest.mark.parametrize("fault", [Fault.DROP, Fault.RESET])
def test_a_proxy_loses_a_reply(echo: socket.socket, fault: Fault) -> None:
    with through(echo) as (proxy, connection):
        ask(connection)
        proxy.inject(fault, 1)
        with pytest.raises(ConnectionError):
            ask_on(connection)


def test_a_proxy_cuts_a_reply(echo: socket.socket) -> None:
    with through(echo) as (proxy, connection):
        proxy.inject(Fault.CUT, 1)
        assert (ask(connection), connection.recv(100)) == (b"1234", b"")


def test_a_proxy_stalls(echo: socket.socket) -> None:
    with through(echo) as (proxy, connection):
        proxy.inject(Fault.STALL, 0.3)
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            ask(connection)
        connection.settimeout(5)
        assert connection.recv(100) == b"12345678"


def test_a_proxy_isolates(echo: socket.socket) -> None:
    with through(echo) as (proxy, connection):
        ask(connection)
        proxy.inject(Fault.ISOLATE, 60)
        with pytest.raises(ConnectionError):
            ask_on(connection)
        with (
            pytest.raises(ConnectionError),
            socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as another,
        ):
            ask_on(another)


def test_a_proxy_passes_requests_on_and_no_reply() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, through(listener) as (proxy, connection):
        proxy.inject(Fault.DEAFEN, 60)
        connection.sendall(b"12345678")
        upstream, _ = listener.accept()
        with upstream:
            assert upstream.recv(100) == b"12345678"
            upstream.sendall(b"answer")
            with pytest.raises(ConnectionError):
                connection.recv(100)


def test_a_proxy_refuses(echo: socket.socket) -> None:
    with through(echo) as (proxy, _):
        proxy.inject(Fault.REFUSE, 60)
        with (
            pytest.raises(ConnectionError),  # at the connection already, or at the first question
            socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as another,
        ):
            ask_on(another)
