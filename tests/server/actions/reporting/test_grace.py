"""An outage of servers or database costs no attempt: a leader that is back gives what lives its time again, before it reaps."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Table, select, update

from jobmon_server.background.reaper import Reaper
from jobmon_server.config import Settings
from jobmon_server.db.admin import lease
from jobmon_server.db.core import clock
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables import task_instance
from jobmon_server.db.schema.tables_records import lease as lease_table
from jobmon_server.db.schema.tables_workflow import workflow_run
from tests.support.path import SECONDS, Path
from tests.support.situations import into

#: Of a lease; an outage that is longer than that; and a while that is not: on a busy machine some seconds go by besides.
TERM, OUTAGE, WHILE = 600.0, 6_000.0, 20.0


class Leader:
    """The reaper of one process, each of whose turns is asked for; `away` lets the database's time pass for it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.reaper = self._new()

    def _new(self) -> Reaper:
        return Reaper(self.database, Settings.load({"lease": TERM}, {}), threading.Event())

    def turn(self) -> None:
        """Renew the lease, then one pass."""
        self.reaper.lead = self.database.transact(lease.acquire, "reaper", "me", TERM)
        self.reaper.step()

    def once(self) -> None:
        """`reap --once`, another process each time."""
        self._new().step_once()

    def away(self, seconds: float) -> None:
        """Let so much time pass without a leader: what it wrote lies so far back."""
        self._back(lease_table, "led_at", seconds)
        self._back(lease_table, "expires_at", seconds)
        for table in (task_instance, workflow_run):
            for name in ("report_by", "updated_at", "graced_at"):
                self._back(table, name, seconds)

    def _back(self, table: Table, name: str, seconds: float) -> None:
        column = table.c[name]

        def move(connection: Any) -> None:
            earlier = clock.seconds_later(column, -seconds)
            connection.execute(update(table).where(column.is_not(None)).values({name: earlier}))

        self.database.transact(move)


@pytest.fixture
def leader(database: Database) -> Leader:
    """A leader that has led already."""
    made = Leader(database)
    made.turn()
    return made


@pytest.fixture
def running(path: Path) -> Callable[[], int]:
    """An instance that runs, of a run that lives."""
    path.bind().start()
    return lambda: into(path, "RUNNING")[0]


def left(database: Database, one: int) -> float:
    """Seconds until the deadline of an instance."""

    def read(connection: Any) -> timedelta:
        found = select(task_instance.c.report_by).where(task_instance.c.id == one)
        due: datetime = connection.execute(found).scalar_one()
        return due - clock.read_clock(connection)

    return database.read(read).total_seconds()


@pytest.mark.parametrize("situation", ["INSTANTIATED", "LAUNCHED", "RUNNING", "KILL_SELF"])
def test_after_an_outage_deadlines_are_given_anew_and_nothing_is_reaped(
    path: Path, leader: Leader, database: Database, situation: str
) -> None:
    path.bind().start()
    (one,) = into(path, situation)
    increment = path.instance(one)["next_report_increment"]
    leader.away(OUTAGE)
    leader.turn()
    assert path.instance(one)["status"] == situation
    assert 0 < left(database, one) <= increment
    assert path.workflow()["workflow_run_status"] in {"BOUND", "RUNNING"}


@pytest.mark.parametrize(("was", "to"), [("LAUNCHED", "NO_HEARTBEAT"), ("RUNNING", "TRIAGING")])
def test_so_are_those_of_what_was_silent_before_it(path: Path, leader: Leader, was: str, to: str) -> None:
    path.bind().start()
    (one,) = into(path, was)
    for _ in range(4):  # past its deadline of a minute, not past the next
        leader.away(WHILE)
        leader.turn()
    assert path.instance(one)["status"] == to
    leader.away(OUTAGE)
    leader.turn()
    assert path.instance(one)["status"] == to


def test_a_first_start_counts_as_back(path: Path, running: Callable[[], int], database: Database) -> None:
    one = running()
    first = Leader(database)
    first.away(OUTAGE)
    first.turn()
    assert (path.instance(one)["status"], left(database, one) > 0) == ("RUNNING", True)


def test_who_was_away_for_no_longer_than_a_term_reaps(
    path: Path, running: Callable[[], int], leader: Leader
) -> None:
    one = running()
    path.beat(one, seconds=SECONDS)
    for _ in range(4):  # it leads on: past the deadline of a minute, not past the next
        leader.away(WHILE)
        leader.turn()
    assert path.instance(one)["status"] == "TRIAGING"


def test_what_has_time_left_gets_its_whole_increment(
    path: Path, running: Callable[[], int], leader: Leader, database: Database
) -> None:
    one = running()
    path.beat(one, seconds=10 * TERM)
    leader.away(2 * TERM)
    assert left(database, one) < 8 * TERM
    leader.turn()
    assert left(database, one) > 9 * TERM


def test_it_is_given_again_only_to_what_was_heard(path: Path, leader: Leader, database: Database) -> None:
    path.bind().start()
    heard, silent = into(path, "RUNNING", 2)
    leader.away(OUTAGE)
    leader.turn()
    for _ in range(4):  # past its deadline of a minute, not past the next
        leader.away(WHILE)
        path.beat(heard)
        leader.turn()
    leader.away(OUTAGE)
    leader.turn()
    assert [path.instance(one)["status"] for one in (heard, silent)] == ["RUNNING", "TRIAGING"]


def test_it_is_given_again_while_leaders_have_led_for_less_than_an_increment(
    path: Path, running: Callable[[], int], leader: Leader
) -> None:
    one = running()
    for _ in range(4):
        leader.away(OUTAGE)
        leader.turn()
        leader.away(WHILE / 10)
        leader.turn()
    assert path.instance(one)["status"] == "RUNNING"


def test_a_pass_that_is_made_once_counts_as_led_since_the_one_before(
    path: Path, running: Callable[[], int], database: Database
) -> None:
    one = running()
    passes = Leader(database)
    passes.away(OUTAGE)
    passes.once()
    assert path.instance(one)["status"] == "RUNNING"
    passes.away(2 * OUTAGE)
    passes.once()
    assert path.instance(one)["status"] == "TRIAGING"


def test_grace_that_was_interrupted_is_given_by_the_next_leader(
    path: Path, running: Callable[[], int], leader: Leader, database: Database
) -> None:
    one = running()
    leader.away(OUTAGE)
    assert database.transact(lease.acquire, "reaper", "who dies", TERM)
    database.transact(lease.release, "reaper", "who dies")
    leader.turn()
    assert (path.instance(one)["status"], left(database, one) > 0) == ("RUNNING", True)


def test_who_leads_no_more_reaps_nothing(path: Path, running: Callable[[], int], leader: Leader) -> None:
    """The database was away between the lease and the look: its time went on."""
    one = running()
    leader.away(OUTAGE)
    stale = leader.reaper.lead
    assert stale is not None
    leader.reaper.lead = lease.Lead(stale.term, stale.until - timedelta(hours=1), 0.0, None)
    leader.reaper.step()
    assert path.instance(one)["status"] == "RUNNING"
    assert path.workflow()["workflow_run_status"] in {"BOUND", "RUNNING"}
