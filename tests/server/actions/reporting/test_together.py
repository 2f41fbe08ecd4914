"""Reports that came while no turn was free go in one transaction; each caller gets what he would have got alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, select

from jobmon_client.states import Outcome
from jobmon_server.actions.reporting.group_commit import GroupCommit
from jobmon_server.actions.reporting.report_types import REPORTS
from jobmon_server.actions.reporting.transition import Verdict
from jobmon_server.app import create_app
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables import task_instance
from tests.server.listening import listening
from tests.support.path import Path, task
from tests.support.waiting import eventually

pytestmark = pytest.mark.race

STARTED = {"nodename": "n", "process_group_id": 1, "next_report_increment": 60.0}
Item = tuple[int, str, dict[str, Any]]


@pytest.fixture
def together(database: Database) -> GroupCommit:
    """A room of its own, so that its turns can be taken away."""
    return GroupCommit(database)


def running(one: int, worker_id: str = "") -> Item:
    """A worker's first report."""
    return one, "log_running", {"worker_id": worker_id or f"w{one}", **STARTED}


def done(one: int) -> Item:
    """The last one."""
    return one, "log_done", {"worker_id": f"w{one}"}


def send(together: GroupCommit, item: Item) -> Verdict:
    """Make a report."""
    one, name, facts = item
    return together.report(one, REPORTS[name](**facts))


def at_once(together: GroupCommit, items: Sequence[Item]) -> list[Verdict]:
    """Send each from a thread of its own, in this order, while no turn is free; then free one."""
    turns, together._turns = together._turns, 0
    with ThreadPoolExecutor(len(items)) as pool:
        sent: list[Future[Verdict]] = []
        for item in items:
            sent.append(pool.submit(send, together, item))
            eventually(lambda: len(together._waiting) == len(sent), what="it waits")
        together._pass_on()
        verdicts = [one.result(60) for one in sent]
    assert together._turns == 1
    together._turns = turns
    return verdicts


@pytest.fixture
def claimed(path: Path) -> list[int]:
    """Instances that wait for their workers."""
    path.bind(*(task(f"t{number}") for number in range(12))).start()
    ids = path.queue()
    path.claim(ids)
    return ids


def test_many_go_in_one_transaction_and_each_gets_his_own_answer(
    together: GroupCommit, claimed: list[int], database: Database
) -> None:
    with listening(database.engine) as said:
        verdicts = at_once(together, [running(one) for one in claimed])

    assert said.verbs == ["SELECT", "SELECT", "UPDATE", "UPDATE", "INSERT"]
    assert said.commits == 1
    assert [one.outcome for one in verdicts] == [Outcome.APPLIED] * len(claimed)
    assigned = [one.assignment["task_instance_id"] for one in verdicts if one.assignment]
    assert assigned == claimed


def test_what_is_refused_costs_the_others_nothing(together: GroupCommit, claimed: list[int]) -> None:
    send(together, running(claimed[0]))
    items = [
        *(running(claimed[0], "another"), done(claimed[1]), running(claimed[2]), running(999_999)),
        *(done(claimed[0]), running(claimed[3])),
    ]

    verdicts = at_once(together, items)

    assert [one.outcome for one in verdicts] == [
        *(Outcome.FENCED, Outcome.INVALID, Outcome.APPLIED, Outcome.UNKNOWN, Outcome.APPLIED, Outcome.APPLIED)
    ]


def test_two_reports_of_one_instance_keep_their_order(together: GroupCommit, claimed: list[int]) -> None:
    first, second = claimed[:2]

    verdicts = at_once(together, [running(first), running(second), done(first), done(second)])

    assert [one.outcome for one in verdicts] == [Outcome.APPLIED] * 4
    assert [str(one.status) for one in verdicts] == ["RUNNING", "RUNNING", "DONE", "DONE"]


def test_the_last_dones_settle_their_workflow(together: GroupCommit, path: Path) -> None:
    path.bind(task("a"), task("b"), task("c")).start()
    ids = path.queue()
    path.claim(ids)
    for one in ids:
        send(together, running(one))

    at_once(together, [done(one) for one in ids])

    assert path.workflow()["status"] == "DONE"


@pytest.fixture
def on_mariadb(mariadb_source: Any) -> Iterator[tuple[Database, list[int]]]:
    """A MariaDB, and four instances on it that wait for their workers."""
    with mariadb_source.with_schema() as url:
        database = Database.connect(url)
        path = Path(create_app(database).test_client())
        path.bind(*(task(f"t{number}") for number in range(4))).start()
        ids = path.queue()
        path.claim(ids)
        yield database, ids
        database.dispose()


@pytest.mark.mariadb
def test_whose_row_is_locked_holds_up_nobody_else(on_mariadb: tuple[Database, list[int]]) -> None:
    database, ids = on_mariadb
    together, locked, free = GroupCommit(database), threading.Event(), threading.Event()

    def hold(connection: Any) -> None:
        row = select(task_instance.c.id).where(task_instance.c.id == ids[0]).with_for_update()
        connection.execute(row).all()
        locked.set()
        free.wait(30)

    with ThreadPoolExecutor(5) as pool:
        holding = pool.submit(database.transact, hold)
        assert locked.wait(10)
        late = pool.submit(send, together, running(ids[0]))
        others = [pool.submit(send, together, running(one)) for one in ids[1:]]
        assert [one.result(20).outcome for one in others] == [Outcome.APPLIED] * 3
        assert not late.done()
        free.set()
        holding.result(20)
        assert late.result(20).outcome is Outcome.APPLIED


@pytest.mark.mariadb
def test_the_next_are_written_while_a_commit_waits_for_the_disk(
    on_mariadb: tuple[Database, list[int]],
) -> None:
    database, ids = on_mariadb
    together, held, free = GroupCommit(database), threading.Event(), threading.Event()

    def hold(_connection: Any) -> None:
        if not held.is_set():
            held.set()
            free.wait(30)

    event.listen(database.engine, "commit", hold)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(send, together, running(ids[0]))
        assert held.wait(10)
        others = [pool.submit(send, together, running(one)) for one in ids[1:]]
        assert [one.result(20).outcome for one in others] == [Outcome.APPLIED] * 3
        again = pool.submit(send, together, done(ids[0]))
        assert not first.done()
        free.set()
        # Not answered before its commit; and what comes after it finds what it has left.
        assert first.result(20).outcome is Outcome.APPLIED
        assert again.result(20).outcome is Outcome.APPLIED
    assert together._turns == 1


def test_an_instance_is_in_a_transaction_once(
    together: GroupCommit, claimed: list[int], database: Database
) -> None:
    first, second = claimed[:2]
    with listening(database.engine) as said:
        at_once(together, [running(first), running(second), done(first)])
    # Two of reports, and one of the look whether the workflow is over.
    assert said.commits == 3


@contextmanager
def held_before_a_settle(database: Database) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Hold the first look whether a workflow is over: an event that it is there, and one that lets it go on."""
    is_there, may_go = threading.Event(), threading.Event()

    def hold(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "EXISTS" in statement.upper() and not is_there.is_set():
            is_there.set()
            may_go.wait(30)

    event.listen(database.engine, "before_cursor_execute", hold)
    yield is_there, may_go
    event.remove(database.engine, "before_cursor_execute", hold)


@pytest.fixture
def over(together: GroupCommit, path: Path) -> list[int]:
    """The instances of a workflow of two tasks, which run."""
    path.bind(task("a"), task("b")).start()
    ids = path.queue()
    path.claim(ids)
    for one in ids:
        send(together, running(one))
    return ids


def test_nobody_waits_for_the_settle_of_another_workflow(
    together: GroupCommit, path: Path, database: Database, over: list[int]
) -> None:
    first = path.workflow_id
    path.bind(task("c")).start()
    (other,) = path.queue()
    path.claim([other])
    together._turns = 0
    with held_before_a_settle(database) as (is_settling, may_settle), ThreadPoolExecutor(3) as pool:
        sent: list[Future[Verdict]] = []
        for item in (done(over[0]), done(over[1]), running(other)):
            sent.append(pool.submit(send, together, item))
            eventually(lambda: len(together._waiting) == len(sent), what="it waits")
        together._pass_on()
        assert is_settling.wait(20)
        assert sent[2].result(20).outcome is Outcome.APPLIED
        assert [one.done() for one in sent[:2]] == [False, False]
        may_settle.set()
        assert [one.result(20).outcome for one in sent[:2]] == [Outcome.APPLIED] * 2
    statuses = [path.get(f"/workflow/{one}")["status"] for one in (first, path.workflow_id)]
    assert statuses == ["DONE", "RUNNING"]
