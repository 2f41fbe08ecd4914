"""Deadlines: what the reaper does when they pass, that it looks again, and that a real one runs by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath

import pytest
from sqlalchemy import event

from jobmon_server.actions.reporting.deadlines import close_overdue, overdue, reap
from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.clock import SQLITE_CLOCK, read_clock
from jobmon_server.db.core.rows import BATCH
from jobmon_server.db.core.transaction import Database
from tests.server.fsm.contract import INSTANCE_CODES, WHEN_OVERDUE
from tests.support.databases import SqliteSource
from tests.support.path import SECONDS, SOON, Path, task
from tests.support.remote import Remote
from tests.support.rows import read_rows
from tests.support.server import serve
from tests.support.situations import into
from tests.support.waiting import eventually

WORDS = {letter: word for word, letter in INSTANCE_CODES.items()}


@pytest.fixture
def real(database_url: str, tmp_path: FilePath) -> Iterator[Path]:
    """A path over a socket to a real server whose reaper passes very often."""
    with serve(database_url, tmp_path, "--reaper-period", "0.02") as server:
        remote = Remote(server.url)
        yield Path(remote)
        remote.close()


def waits(path: Path, one: int, status: str) -> None:
    eventually(lambda: path.instance(one)["status"] == status, what=f"it is {status}")


def silent_life(path: Path, name: str, reported: tuple[str, ...]) -> int:
    """An instance whose callers said so much and then fell silent."""
    path.add(task(name, priority=len(path.task_ids)))
    (one,) = path.queue(limit=1)
    # What comes next must be quicker than the reaper, so only the last one is due at once.
    for what in reported:
        seconds = SOON if what == reported[-1] else 0.5 if what == "run" else SECONDS
        match what:
            case "claim":
                path.claim([one], seconds)
            case "launch":
                path.launch(one, seconds)
            case "run":
                path.running(one, seconds=seconds)
            case "kill":
                path.act("stop", name)
    return one


def test_the_reaper_of_a_running_server_ends_every_silent_life(real: Path) -> None:
    real.bind(task("other")).start(600)
    lives = {
        ("claim",): "NO_DISTRIBUTOR_ID",
        ("claim", "launch"): "ERROR",
        ("claim", "launch", "run"): "UNKNOWN_ERROR",
        ("claim", "run", "kill"): "ERROR_FATAL",
    }
    crossed = set()
    for number, (reported, end) in enumerate(lives.items()):
        one = silent_life(real, f"t{number}", reported)
        waits(real, one, end)
        crossed |= {(was, to) for was, to, outcome in real.journal(one) if was and outcome == "applied"}
        assert {entry["source"] for entry in real.errors(one)} == {"reaper"}
    by_itself = {(WORDS[was], WORDS[to]) for was, to in WHEN_OVERDUE.items()}
    assert by_itself <= crossed
    real.bind(task("a")).start(SOON)
    eventually(lambda: real.workflow()["workflow_run_status"] == "ERROR", what="the run is reaped")
    assert real.workflow()["status"] == "HALTED"
    assert real.start(resume="cold").queue()


def test_what_is_not_overdue_is_left_alone(path: Path, database: Database) -> None:
    path.bind().start()
    for situation in ("QUEUED", "INSTANTIATED", "LAUNCHED", "RUNNING", "DONE"):
        into(path, situation)
    was = database.read(read_rows)
    assert not reap(database)
    assert database.read(read_rows) == was


def test_a_pass_with_nothing_to_do_writes_nothing(path: Path, database: Database) -> None:
    path.bind().start()
    into(path, "RUNNING")
    statements: list[str] = []
    event.listen(
        database.engine, "before_cursor_execute", lambda *args: statements.append(args[2].split()[0])
    )
    reap(database)
    assert statements
    assert not {"UPDATE", "INSERT", "DELETE"} & set(statements)


@pytest.mark.parametrize("situation", ["INSTANTIATED", "LAUNCHED", "RUNNING"])
def test_the_reaper_looks_again_inside_its_write(path: Path, database: Database, situation: str) -> None:
    path.bind(task("a")).start()
    (one,) = path.queue()
    path.claim([one], SOON)
    if situation != "INSTANTIATED":
        path.launch(one, SOON)
    if situation == "RUNNING":
        path.running(one, seconds=SOON)
    ids = eventually(lambda: database.read(overdue))
    path.post("/task_instance/log_report_by/batch", task_instance_ids=[one], next_report_increment=SECONDS)
    assert database.transact(close_overdue, ids) == []
    assert path.instance(one)["status"] == situation
    assert database.read(check) == []


def test_an_instance_that_ended_in_between_is_not_reaped(path: Path, database: Database) -> None:
    path.bind(task("a")).start()
    (one,) = path.queue()
    path.claim([one], SOON)
    path.running(one, seconds=SOON)
    ids = eventually(lambda: database.read(overdue))
    path.done(one)
    assert database.transact(close_overdue, ids) == []
    assert (path.status("a"), path.workflow()["status"]) == ("DONE", "DONE")


def test_more_than_one_batch_is_reaped_in_one_pass(path: Path, database: Database) -> None:
    path.bind(*(task(f"t{number}") for number in range(1100))).start()
    ids = path.queue()
    path.claim(ids, SOON)
    eventually(lambda: len(database.read(overdue)) == BATCH)
    first = reap(database).task_instances
    assert first > BATCH
    eventually(lambda: reap(database).task_instances == 0)
    assert path.workflow()["tasks"] == {"REGISTERING": 1100}
    assert database.read(check) == []


def test_a_deadline_that_is_now_has_not_passed(sqlite_source: SqliteSource) -> None:
    """On SQLite the clock is a function of ours, so that it can stand still."""
    with sqlite_source.with_schema() as url:
        database = Database.connect(url)
        try:
            _boundary(database)
        finally:
            database.dispose()


def _boundary(database: Database) -> None:
    from jobmon_server.app import create_app

    path = Path(create_app(database).test_client())
    path.bind(task("a")).start()
    (one,) = path.queue()
    path.claim([one])
    report_by = database.read(read_rows).task_instances[one]["report_by"]

    def at(text: str) -> list[int]:
        event.listen(
            database.engine, "checkout", lambda raw, *_: raw.create_function(SQLITE_CLOCK, 0, lambda: text)
        )
        assert str(database.read(read_clock)) == text
        verdicts = database.transact(close_overdue, [one])
        return [*database.read(overdue), *(one.task_instance_id for one in verdicts)]

    exactly = report_by.isoformat(" ", "microseconds")
    assert at(exactly) == []
    later = report_by.replace(microsecond=(report_by.microsecond + 1) % 1_000_000)
    assert (at(later.isoformat(" ", "microseconds")) == [one]) == (later > report_by)
    assert path.instance(one)["status"] == ("NO_DISTRIBUTOR_ID" if later > report_by else "INSTANTIATED")


def test_a_rescue_makes_a_new_instance_and_keeps_the_old_one_with_its_reason(path: Path) -> None:
    path.bind().start()
    (one,) = into(path, "UNKNOWN_ERROR, by the reaper")
    (again,) = path.queue()
    new, old = path.instance(again), path.instance(one)
    assert (new["attempt"], new["started_at"], new["status"]) == (2, None, "QUEUED")
    assert (old["status"], old["attempt"]) == ("UNKNOWN_ERROR", 1)
    assert "deadline" in path.errors(one)[0]["description"]


def test_the_worker_of_a_reaped_instance_learns_it_and_stops(path: Path) -> None:
    path.bind().start()
    (one,) = into(path, "UNKNOWN_ERROR, by the reaper")
    beat = path.beat(one).get_json()
    assert (beat["outcome"], beat["status"]) == ("untimely", "UNKNOWN_ERROR")
    (again,) = path.queue()
    path.claim([again])
    assert path.running(again, "worker-2").get_json()["outcome"] == "applied"
    assert path.done(one).get_json()["outcome"] == "untimely"
    assert path.instance(again)["status"] == "RUNNING"
