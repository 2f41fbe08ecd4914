"""Every untimely pair as the race it tells: two reports cross, in either order; the late one changes nothing but the journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from jobmon_server.fsm.task_instance import TASK_INSTANCE
from tests.support.path import SOON, Path, task
from tests.support.rows import read_rows

Call = Callable[[Path, int], str]


def said(path: Path, one: int, report: str, **facts: object) -> str:
    """Make a report; the outcome, which must have the code that belongs to it."""
    reply = path.report(one, report, **facts)
    outcome = str(reply.get_json()["outcome"])
    assert reply.status_code == (409 if outcome in {"invalid", "fenced"} else 200)
    return outcome


def launch(path: Path, one: int) -> str:
    return said(path, one, "log_distributor_id", distributor_id="late", next_report_increment=SOON)


def run(path: Path, one: int) -> str:
    return str(path.running(one, seconds=SOON).get_json()["outcome"])


def done(path: Path, one: int) -> str:
    return said(path, one, "log_done", worker_id="worker-1")


def fails(state: str) -> Call:
    return lambda path, one: str(path.error(one, state).get_json()["outcome"])


def known(state: str) -> Call:
    return lambda path, one: said(path, one, "log_known_error", error_state=state, error_message="seen")


def give_up(path: Path, one: int) -> str:
    return said(path, one, "log_unknown_error", error_message="gone")


def no_id(path: Path, one: int) -> str:
    return said(path, one, "log_no_distributor_id", error_message="no room")


def kill(path: Path, one: int) -> str:
    """A person asks for a fresh start."""
    return str(path.act("rerun", "a")["outcome"])


def reap(path: Path, one: int) -> str:
    """The reaper passes; "nothing" when it left the instance alone."""
    was = path.instance(one)["status"]
    path.reap()
    return "nothing" if path.instance(one)["status"] == was else "applied"


class Race(NamedTuple):
    """Two calls that cross. As told, the first is applied and the second untimely; `reversed` are both outcomes the other way."""

    pair: str
    story: str
    setup: str
    first: Call
    second: Call
    reversed: tuple[str, str] = ("applied", "applied")


RUNS = "the job ran before its distributor came to say that it was launched"
RACES = [
    Race("RUNNING LAUNCHED", RUNS, "claimed", run, launch),
    Race("TRIAGING LAUNCHED", f"{RUNS}, and fell silent", "runs", reap, launch, ("untimely", "applied")),
    Race(
        "NO_HEARTBEAT LAUNCHED",
        "the launch is said again after a long silence",
        "launched",
        reap,
        launch,
        ("duplicate", "applied"),
    ),
    Race("KILL_SELF LAUNCHED", "it was killed while it was being submitted", "claimed", kill, launch),
    Race("DONE LAUNCHED", f"{RUNS}, and ended well", "runs", done, launch, ("untimely", "applied")),
    Race("ERROR LAUNCHED", "the worker failed before it could start", "claimed", fails("ERROR"), launch),
    Race(
        "RESOURCE_ERROR LAUNCHED",
        f"{RUNS}, and ran out of memory",
        "runs",
        fails("RESOURCE_ERROR"),
        launch,
        ("untimely", "applied"),
    ),
    Race(
        "UNKNOWN_ERROR LAUNCHED",
        f"{RUNS}, fell silent and was given up",
        "silent",
        give_up,
        launch,
        ("untimely", "applied"),
    ),
    Race("NO_DISTRIBUTOR_ID LAUNCHED", "the submission took longer than the claim", "claimed", reap, launch),
    Race(
        "ERROR_FATAL LAUNCHED",
        "the worker failed for good before it could start",
        "claimed",
        fails("ERROR_FATAL"),
        launch,
    ),
    Race(
        "ERROR UNKNOWN_ERROR",
        "the worker's error and the reconciler cross",
        "silent",
        fails("ERROR"),
        give_up,
        ("applied", "untimely"),
    ),
    Race(
        "RESOURCE_ERROR UNKNOWN_ERROR",
        "the worker's error and the reconciler cross",
        "silent",
        fails("RESOURCE_ERROR"),
        give_up,
        ("applied", "untimely"),
    ),
    Race(
        "DONE UNKNOWN_ERROR",
        "the worker's end and the reconciler cross",
        "silent",
        done,
        give_up,
        ("applied", "untimely"),
    ),
    Race(
        "UNKNOWN_ERROR DONE",
        "it was given up, and had ended well",
        "silent",
        give_up,
        done,
        ("applied", "untimely"),
    ),
    Race(
        "UNKNOWN_ERROR ERROR",
        "it was given up, and had failed",
        "silent",
        give_up,
        fails("ERROR"),
        ("applied", "untimely"),
    ),
    Race(
        "UNKNOWN_ERROR RESOURCE_ERROR",
        "it was given up, and had run out of memory",
        "silent",
        give_up,
        fails("RESOURCE_ERROR"),
        ("applied", "untimely"),
    ),
    Race(
        "KILL_SELF ERROR",
        "it fails while it is told to stop",
        "runs",
        kill,
        fails("ERROR"),
        ("applied", "duplicate"),
    ),
    Race(
        "KILL_SELF RESOURCE_ERROR",
        "it runs out of memory while it is told to stop",
        "runs",
        kill,
        fails("RESOURCE_ERROR"),
    ),
    Race(
        "KILL_SELF UNKNOWN_ERROR",
        "it is given up while it is told to stop",
        "silent",
        kill,
        give_up,
        ("applied", "duplicate"),
    ),
    Race(
        "ERROR ERROR",
        "worker and distributor both saw it fail",
        "runs",
        fails("ERROR"),
        known("ERROR"),
        ("applied", "untimely"),
    ),
    Race(
        "RESOURCE_ERROR RESOURCE_ERROR",
        "worker and distributor both saw it run out of memory",
        "runs",
        fails("RESOURCE_ERROR"),
        known("RESOURCE_ERROR"),
        ("applied", "untimely"),
    ),
    Race(
        "UNKNOWN_ERROR UNKNOWN_ERROR",
        "reaper and reconciler both gave it up",
        "silent",
        reap,
        give_up,
        ("applied", "nothing"),
    ),
    Race(
        "NO_DISTRIBUTOR_ID NO_DISTRIBUTOR_ID",
        "the reaper and the distributor both saw no submission",
        "claimed",
        reap,
        no_id,
        ("applied", "nothing"),
    ),
    Race(
        "ERROR_FATAL ERROR_FATAL",
        "worker and distributor both confirm its death",
        "killed",
        fails("ERROR_FATAL"),
        known("ERROR_FATAL"),
        ("applied", "untimely"),
    ),
]


def test_every_untimely_pair_has_its_race() -> None:
    assert sorted(race.pair for race in RACES) == sorted(
        f"{race.was} {race.to}" for race in TASK_INSTANCE.untimely
    )


def stage(path: Path, setup: str) -> int:
    """An instance on which the two calls are about to cross."""
    path.bind(task("a")).start()
    (one,) = path.queue()
    path.claim([one], SOON)
    if setup in {"runs", "silent", "killed"}:
        run(path, one)
    if setup == "launched":
        launch(path, one)
    if setup == "silent":
        path.overdue(one)
    if setup == "killed":
        kill(path, one)
    return one


@pytest.mark.parametrize("race", RACES, ids=[race.pair.replace(" ", "→") for race in RACES])
def test_who_comes_late_is_told_and_changes_nothing(path: Path, database: Database, race: Race) -> None:
    one = stage(path, race.setup)
    assert race.first(path, one) == "applied"
    was = database.read(read_rows)
    assert race.second(path, one) == "untimely", race.story
    now = database.read(read_rows)
    instance, its_task, journal, errors = was.of(one)
    instance_now, task_now, journal_now, errors_now = now.of(one)
    late_id = {"distributor_id": "late", "updated_at": instance_now["updated_at"]}
    assert instance_now == instance | (late_id if race.second is launch else {})
    assert (task_now, errors_now) == (its_task, errors)
    assert journal_now[:-1] == journal
    last = journal_now[-1]
    assert f"{last['was']} {last['wanted']}" == race.pair
    assert (last["outcome"], last["task_from"], last["task_to"]) == (
        "untimely",
        its_task["status"],
        its_task["status"],
    )
    other = stage(path, race.setup)
    assert (race.second(path, other), race.first(path, other)) == race.reversed
    assert database.read(check) == []
