"""`lost_contact = stop`: nobody but its holder ends an attempt before `contact_until`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.engine import Connection

from jobmon_server.actions.reporting.deadlines import overdue
from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables import task_instance
from tests.support.path import ME, RUNNING, SECONDS, SOON, Path, task
from tests.support.situations import BROKE, LOST, into

LATER = datetime(2200, 1, 1)  # noqa: DTZ001 - the database's instants are naive UTC
EARLIER = datetime(2020, 1, 1)  # noqa: DTZ001
BEAT = "/task_instance/log_report_by/batch"


@pytest.fixture
def path(serving: Callable[..., Path]) -> Path:
    """The path to a server that says stop."""
    return serving(lost_contact="stop").bind().start()


def until(path: Path, one: int) -> datetime:
    return datetime.fromisoformat(path.instance(one)["contact_until"])


def after(path: Path, one: int, moment: str) -> float:
    """For how long an instance is in contact, from one of its times."""
    return (until(path, one) - datetime.fromisoformat(path.instance(one)[moment])).total_seconds()


def in_contact(database: Database, one: int, instant: datetime = LATER) -> None:
    """Move `contact_until`."""

    def write(connection: Connection) -> None:
        moved = update(task_instance).where(task_instance.c.id == one)
        connection.execute(moved.values(contact_until=instant))

    database.transact(write)


def test_contact_lasts_two_increments_of_each_sign_of_life(path: Path) -> None:
    (one,) = into(path, "RUNNING")
    assert after(path, one, "started_at") == 2 * SECONDS
    path.beat(one, seconds=100)
    assert after(path, one, "heartbeat_at") == 200
    path.post(BEAT, task_instance_ids=[one], next_report_increment=150)
    assert after(path, one, "heartbeat_at") == 300
    last = until(path, one)
    path.beat(one, seconds=1)
    path.post(BEAT, task_instance_ids=[one], next_report_increment=1)
    assert until(path, one) == last


def test_a_batch_of_reports_counts_as_single_ones(path: Path) -> None:
    ids = into(path, "RUNNING", 2)
    beat = {"report": "log_report_by", "worker_id": ME, "next_report_increment": 100}
    path.reports(*({"task_instance_id": one, **beat} for one in ids))
    assert [after(path, one, "heartbeat_at") for one in ids] == [200, 200]


def test_a_hold_keeps_no_contact(path: Path) -> None:
    (one,) = into(path, "TRIAGING")
    was = until(path, one)
    held = path.post(BEAT, task_instance_ids=[one], next_report_increment=600, hold=True).get_json()
    assert (held["applied"], until(path, one)) == (1, was)


@pytest.mark.parametrize("situation", ["QUEUED", "INSTANTIATED", "LAUNCHED", "NO_HEARTBEAT"])
def test_there_is_no_contact_before_a_worker(path: Path, situation: str) -> None:
    (one,) = into(path, situation)
    path.post(BEAT, task_instance_ids=[one], next_report_increment=100)
    assert path.instance(one)["contact_until"] is None


@pytest.mark.parametrize("situation", ["RUNNING", "TRIAGING", "KILL_SELF", "KILL_SELF, orphan"])
def test_before_its_end_only_the_holder_ends_it(path: Path, database: Database, situation: str) -> None:
    (one,) = into(path, situation)
    in_contact(database, one)
    was = path.instance(one)
    state = "ERROR_FATAL" if was["status"] == "KILL_SELF" else "ERROR"
    for name in ("log_known_error", "log_unknown_error"):
        said = path.report(one, name, error_state=state, **LOST).get_json()
        assert (said["outcome"], said["status"]) == ("untimely", was["status"]), name
    assert path.instance(one)["status"] == was["status"]
    assert path.error(one, state).get_json()["outcome"] == "applied"
    assert database.read(check) == []


@pytest.mark.parametrize("proof", ["exit", "reboot"])
@pytest.mark.parametrize("situation", ["RUNNING", "TRIAGING", "KILL_SELF"])
def test_who_can_prove_that_nothing_runs_ends_it_too(path: Path, situation: str, proof: str) -> None:
    (one,) = into(path, situation)
    state = "ERROR_FATAL" if situation == "KILL_SELF" else "ERROR"
    said = path.report(one, "log_known_error", error_state=state, proof=proof, **LOST).get_json()
    assert (said["outcome"], said["status"]) == ("applied", state)


def test_after_its_end_anybody_ends_it(path: Path, database: Database) -> None:
    (one,) = into(path, "RUNNING")
    in_contact(database, one, EARLIER)
    assert path.report(one, "log_known_error", error_state="ERROR", **LOST).get_json()["outcome"] == "applied"


def test_the_reaper_takes_it_to_triage_and_no_further(path: Path, database: Database) -> None:
    (one,) = into(path, "TRIAGING")
    in_contact(database, one)
    before = path.journal(one)

    def deadline(connection: Connection) -> None:
        connection.execute(update(task_instance).where(task_instance.c.id == one).values(report_by=EARLIER))

    database.transact(deadline)
    path.reap()
    assert (path.instance(one)["status"], path.journal(one)) == ("TRIAGING", before)
    assert database.read(overdue) == []
    in_contact(database, one, EARLIER)
    path.reap()
    assert path.instance(one)["status"] == "UNKNOWN_ERROR"


def test_what_cannot_be_closed_yet_hides_nothing_else_from_the_reaper(path: Path, database: Database) -> None:
    (one,) = into(path, "RUNNING")
    in_contact(database, one)
    path.add(task("another", priority=9))
    (other,) = path.queue(limit=1)
    path.claim([other], SOON)

    def deadline(connection: Connection) -> None:
        connection.execute(
            update(task_instance).where(task_instance.c.id.in_([one, other])).values(report_by=EARLIER)
        )

    database.transact(deadline)
    path.reap()
    assert [path.instance(each)["status"] for each in (one, other)] == ["TRIAGING", "NO_DISTRIBUTOR_ID"]


@pytest.mark.parametrize("verb", ["stop", "rerun"])
def test_the_deadline_of_what_is_to_stop_is_not_before_it(path: Path, verb: str) -> None:
    (one,) = into(path, "RUNNING")
    path.act(verb, path.instance(one)["name"])
    instance = path.instance(one)
    assert (instance["status"], instance["report_by"]) == ("KILL_SELF", instance["contact_until"])


def test_a_task_is_not_queued_again_before_it(path: Path, database: Database) -> None:
    (one,) = into(path, "RUNNING")
    path.act("rerun", path.instance(one)["name"])
    assert path.queue() == []
    in_contact(database, one, EARLIER)
    path.report(one, "log_known_error", error_state="ERROR_FATAL", **LOST)
    assert len(path.queue()) == 1


@pytest.mark.parametrize("situation", ["TRIAGING", "KILL_SELF"])
@pytest.mark.parametrize("batch", [False, True])
def test_what_the_kernel_cannot_kill_is_kept_where_it_is(path: Path, situation: str, *, batch: bool) -> None:
    (one,) = into(path, situation)
    facts: dict[str, Any] = {"next_report_increment": 900, "unkillable": True}
    if batch:
        assert path.post(BEAT, task_instance_ids=[one], **facts).get_json()["applied"] == 1
    else:
        said = path.report(one, "log_report_by", worker_id=ME, **facts).get_json()
        assert (said["outcome"], said["status"]) == ("applied", situation)
    instance = path.instance(one)
    assert instance["status"] == situation
    assert after(path, one, "heartbeat_at") == 1800
    gap = datetime.fromisoformat(instance["report_by"]) - datetime.fromisoformat(instance["heartbeat_at"])
    assert gap.total_seconds() == 900


def test_with_continue_there_is_no_contact(serving: Callable[..., Path]) -> None:
    path = serving(lost_contact="continue").bind().start()
    (one,) = into(path, "RUNNING")
    assert path.instance(one)["contact_until"] is None
    assert path.report(one, "log_known_error", error_state="ERROR", **LOST).get_json()["outcome"] == "applied"


@pytest.mark.parametrize(
    ("server", "of_workflow", "of_task", "expected"),
    [
        ("continue", None, None, "continue"),
        ("stop", None, None, "stop"),
        ("stop", "continue", None, "continue"),
        ("continue", "stop", None, "stop"),
        ("continue", "stop", "continue", "continue"),
        ("stop", "continue", "stop", "stop"),
    ],
)
def test_the_most_specific_wins_and_the_worker_is_told(
    serving: Callable[..., Path], server: str, of_workflow: str | None, of_task: str | None, expected: str
) -> None:
    path = serving(lost_contact=server)
    workflow = {} if of_workflow is None else {"lost_contact": of_workflow}
    its_task = {} if of_task is None else {"lost_contact": of_task}
    path.bind(task("a", **its_task), task("b", **its_task), **workflow).start()
    single, batched = path.queue()
    path.claim([single, batched])
    for _ in ("applied", "duplicate"):
        said = path.running(single).get_json()
        assert (said["lost_contact"], said["task_instance"]["lost_contact"]) == (expected, expected)
    report = {"task_instance_id": batched, "report": "log_running", "worker_id": ME, **RUNNING}
    told = [one["lost_contact"] for one in path.reports(report)["outcomes"]]
    assert told == (["stop"] if expected == "stop" else [])
    assert (path.instance(single)["contact_until"] is None) == (expected == "continue")


def test_a_word_that_is_none_is_refused_by_name(path: Path) -> None:
    reply = path.post("/workflow", name="w", lost_contact="pause")
    assert reply.status_code == 422
    assert reply.get_json()["error"]["details"] == [
        {"field": "lost_contact", "problem": "must be one of: continue, stop"}
    ]


def test_its_own_worker_is_not_held_up_by_it(path: Path) -> None:
    (one,) = into(path, "RUNNING")
    facts = {"error_state": "ERROR", "kind": "infrastructure", **BROKE}
    said = path.report(one, "log_error_worker_node", **facts).get_json()
    assert (said["outcome"], said["task_status"]) == ("applied", "REGISTERING")
