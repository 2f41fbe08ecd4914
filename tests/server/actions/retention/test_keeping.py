"""How long a workflow is kept once it is over, and what the keeper does about it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.engine import Connection

from jobmon_server.actions.retention.expiry import flag_some
from jobmon_server.actions.retention.retention_pass import RetentionResult, run_retention_pass
from jobmon_server.background.retention import RetentionJob
from jobmon_server.config import Settings
from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables import task_instance
from jobmon_server.db.schema.tables_records import journal
from jobmon_server.db.schema.tables_workflow import workflow
from jobmon_server.db.workflows import expiry, workflow_removal
from tests.server.actions.retention.test_deleting import forbid
from tests.server.db.schema.test_query_plans import plans
from tests.server.listening import listening
from tests.support.path import Path, task

MONTH = 30 * 86_400.0


def bind(path: Path, **facts: Any) -> Any:
    reply = path.post("/workflow", name="w", **facts)
    assert reply.status_code in {200, 201}, reply.get_json()
    return reply.get_json()


@pytest.mark.parametrize(
    ("asked", "kept", "clamped"),
    [
        ({}, 3600, False),
        ({"expiry_seconds": 0}, 600, True),
        ({"expiry_seconds": 599}, 600, True),
        ({"expiry_seconds": 600}, 600, False),
        ({"expiry_seconds": 7200}, 7200, False),
        ({"expiry_seconds": 86_400}, 86_400, False),
        ({"expiry_seconds": 86_401}, 86_400, True),
    ],
)
def test_what_is_asked_for_is_kept_within_bounds_and_told(
    path: Path, asked: dict[str, int], kept: int, clamped: bool
) -> None:
    bound = bind(path, **asked)
    assert (bound["expiry_seconds"], bound["clamped"]) == (kept, clamped)
    assert path.get(f"/workflow/{bound['workflow_id']}")["expiry_seconds"] == kept


def test_clamping_is_logged_once(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    identity = {"client_id": "c", "request_id": "r", "expiry_seconds": 1}
    first, again = bind(path, **identity), bind(path, **identity)
    assert (first["outcome"], again["outcome"], again["clamped"]) == ("applied", "duplicate", True)
    written = capsys.readouterr()
    assert (written.out + written.err).count("expiry clamped") == 1


def at(text: str) -> datetime:
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


def finished(path: Path, **facts: Any) -> Any:
    """Bind a workflow of one task, and run it to its end."""
    path.bind(task("a"), **facts).start()
    path.done(path.run_one())
    return path.workflow()


def test_it_expires_so_many_seconds_after_it_finished(path: Path) -> None:
    path.bind(task("a"), expiry_seconds=700).start()
    one = path.run_one()
    before = path.workflow()
    assert (before["finished_at"], before["expires_at"], before["expired_at"]) == (None, None, None)
    path.done(one)
    after = path.workflow()
    assert after["status"] == "DONE"
    assert at(after["expires_at"]) == at(after["finished_at"]) + timedelta(seconds=700)


def test_what_goes_on_again_does_not_expire(path: Path) -> None:
    assert finished(path)["expires_at"] is not None
    path.act("rerun", "a")
    assert (path.workflow()["finished_at"], path.workflow()["expires_at"]) == (None, None)


def test_it_does_not_expire_while_an_instance_is_not_confirmed_dead(path: Path) -> None:
    path.bind(task("a")).start()
    one = path.run_one()
    path.act("stop")
    stopped = path.workflow()
    assert (stopped["status"], path.instance(one)["status"]) == ("STOPPED", "KILL_SELF")
    assert stopped["finished_at"] is not None
    assert stopped["expires_at"] is None
    path.error(one, "ERROR_FATAL")
    assert path.workflow()["expires_at"] is not None


def make_older(database: Database, seconds: float, *ids: int) -> None:
    """Let so much time pass for these workflows, or for all: they finished, expired and were flagged earlier."""
    which = workflow.c.id.in_(ids) if ids else workflow.c.id > 0
    moments = ("finished_at", "expires_at", "expired_at")

    def shift(connection: Connection) -> None:
        columns = [workflow.c[name] for name in moments]
        for row in connection.execute(select(workflow.c.id, *columns).where(which)).mappings().all():
            earlier = {
                name: None if row[name] is None else row[name] - timedelta(seconds=seconds)
                for name in moments
            }
            connection.execute(update(workflow).where(workflow.c.id == row["id"]).values(earlier))

    database.transact(shift)


def own(database: Database, owner: str, *ids: int) -> None:
    """Give these workflows to somebody."""
    database.transact(
        lambda connection: connection.execute(
            update(workflow).where(workflow.c.id.in_(ids)).values(owner=owner)
        )
    )


Pass = Callable[..., RetentionResult]


@pytest.fixture
def passes(database: Database) -> Pass:
    """One pass of the keeper."""

    def one(*, purges: bool = False, **settings: Any) -> RetentionResult:
        return run_retention_pass(database, Settings(**settings), lambda: True, purges=purges)

    return one


def several(path: Path, number: int) -> list[int]:
    """So many workflows that finished one after another."""
    return [finished(path)["workflow_id"] for _ in range(number)]


def listed(path: Path, query: str = "") -> list[int]:
    return [one["workflow_id"] for one in path.get(f"/workflow{query}")["workflows"]]


def test_what_is_past_its_time_is_flagged_and_stays_readable(
    path: Path, database: Database, passes: Pass
) -> None:
    old, new = several(path, 2)
    assert (passes().flagged, passes().kept) == ([], [])
    make_older(database, 3700)
    kept = passes()
    assert (kept.flagged, kept.kept, kept.failed) == ([old], [new], [])
    assert path.get(f"/workflow/{old}")["expired_at"] is not None
    assert path.get(f"/workflow/{old}")["tasks"] == {"DONE": 1}
    assert path.get(f"/workflow/{new}")["expired_at"] is None
    found = {flag: listed(path, f"?expired={flag}") for flag in ("true", "false")}
    assert found == {"true": [old], "false": [new]}
    assert len(path.get("/workflow")["workflows"]) == 2
    assert (passes().flagged, passes().kept) == ([], [new])


def test_the_last_that_finished_is_kept_for_each_owner(path: Path, database: Database, passes: Pass) -> None:
    ids = several(path, 6)
    own(database, "me", ids[1], ids[3], ids[5])
    # The first that was bound is the last that finished.
    path.workflow_id = ids[0]
    make_older(database, 4000)
    make_older(database, -100, ids[0])
    make_older(database, 50, ids[5])
    kept = passes()
    assert sorted(kept.flagged) == [ids[1], ids[2], ids[4], ids[5]]
    assert sorted(kept.kept) == [ids[0], ids[3]]


def test_how_many_are_kept_is_a_setting(path: Path, database: Database, passes: Pass) -> None:
    ids = several(path, 4)
    make_older(database, 4000)
    assert passes(keep_last=3).flagged == ids[:1]
    assert passes(keep_last=2).flagged == ids[1:2]
    assert passes(keep_last=2).kept == ids[2:]


def test_what_is_not_over_never_expires(path: Path, database: Database, passes: Pass) -> None:
    path.bind(task("a")).start()
    one = path.run_one()
    path.act("stop")
    held = path.workflow_id
    path.bind(task("a")).start()
    path.run_one()
    alive = path.workflow_id
    finished(path)
    make_older(database, 9000)
    kept = passes()
    assert (kept.flagged, kept.held) == ([], [held])
    assert path.get(f"/workflow/{alive}")["expires_at"] is None
    path.error(one, "ERROR_FATAL")
    assert passes().flagged == [held]


def test_it_is_looked_at_again_under_the_lock(path: Path, database: Database) -> None:
    old, _ = several(path, 2)
    make_older(database, 3700)
    path.workflow_id = old
    task_id = path.get(f"/workflow/{old}/tasks")["tasks"][0]["task_id"]
    path.post(f"/task/{task_id}/rerun")
    assert database.transact(flag_some, [old], 1) == []
    assert path.workflow()["expired_at"] is None


def test_one_that_fails_does_not_stop_the_others(path: Path, database: Database, passes: Pass) -> None:
    ids = several(path, 4)
    make_older(database, 3700)
    database.transact(forbid, ids[1])
    kept = passes()
    assert kept.flagged == [ids[0], ids[2]]
    assert [(one.workflow_id, "forbidden" in one.message) for one in kept.failed] == [(ids[1], True)]


def test_a_pass_without_work_writes_nothing(path: Path, database: Database, passes: Pass) -> None:
    several(path, 2)
    make_older(database, 3700)
    assert passes(purges=True, journal_retention=3600.0)
    with listening(database.engine) as said:
        kept = passes(purges=True, journal_retention=3600.0)
    assert not kept
    assert set(said.verbs) == {"SELECT"}


def test_many_are_flagged_in_batches(path: Path, database: Database, passes: Pass) -> None:
    several(path, 1)

    def multiply(connection: Connection) -> None:
        (row,) = connection.execute(select(workflow)).mappings().all()
        columns = {name: value for name, value in row.items() if name not in {"id", "last_run_id"}}
        connection.execute(workflow.insert(), [columns] * 249)

    database.transact(multiply)
    make_older(database, 3700)
    with listening(database.engine) as said:
        kept = passes()
    assert (len(kept.flagged), len(kept.kept)) == (249, 1)
    assert said.verbs.count("UPDATE") == 3


def test_nothing_is_purged_unless_the_settings_say_after_how_long(
    path: Path, database: Database, passes: Pass
) -> None:
    old, _ = several(path, 2)
    make_older(database, 3700)
    assert passes(purges=True).flagged == [old]
    make_older(database, 1000 * 86_400)
    assert not passes(purges=True)
    assert path.get(f"/workflow/{old}")["expired_at"] is not None


def test_what_was_flagged_long_ago_is_purged(path: Path, database: Database, passes: Pass) -> None:
    old, new = several(path, 2)
    make_older(database, 3700)
    assert passes(purges=True, purge_after=MONTH).flagged == [old]
    assert not passes(purges=True, purge_after=MONTH)
    make_older(database, 31 * 86_400)
    assert not passes(purges=True, purge_after=0.0)
    kept = passes(purges=True, purge_after=MONTH)
    assert (kept.purged, kept.removed) == ([old], [old])
    assert path.client.get(f"/api/v1/workflow/{old}").status_code == 404
    assert [one["workflow_id"] for one in path.get("/workflow")["workflows"]] == [new]
    assert database.read(check) == []


def test_what_has_become_the_last_of_its_owner_is_not_purged(
    path: Path, database: Database, passes: Pass
) -> None:
    old, new = several(path, 2)
    make_older(database, 3700)
    passes()
    path.post(f"/workflow/{new}/delete")
    make_older(database, 31 * 86_400)
    assert passes(purges=True, purge_after=MONTH).purged == []
    assert path.get(f"/workflow/{old}")["expired_at"] is not None


def entries(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(journal)).scalar_one()


def test_of_an_old_journal_the_first_and_the_last_decision_stay(
    path: Path, database: Database, passes: Pass
) -> None:
    path.bind(task("a"), task("b")).start()
    old, live = path.queue()
    path.claim([old, live])
    for one in (old, live):
        path.launch(one)
        path.running(one)
    path.done(old)
    path.report(old, "log_distributor_id", distributor_id="late", next_report_increment=1)
    before = path.journal(old), path.journal(live)
    assert not passes(journal_retention=3600.0)
    database.transact(two_hours_ago)
    assert not passes(journal_retention=0.0)
    assert passes(journal_retention=3600.0).journal_rows == len(before[0]) - 2
    assert path.journal(old) == [(None, "QUEUED", "applied"), ("RUNNING", "DONE", "applied")]
    assert path.journal(live) == before[1]
    assert database.read(check) == []


def two_hours_ago(connection: Connection) -> None:
    """Let instances have ended so much earlier."""
    rows = connection.execute(select(task_instance.c.id, task_instance.c.finished_at)).all()
    for row in rows:
        if row.finished_at is not None:
            earlier = row.finished_at - timedelta(hours=2)
            connection.execute(
                update(task_instance).where(task_instance.c.id == row.id).values(finished_at=earlier)
            )


def test_the_keeper_of_a_server_does_it_by_itself(
    database_url: str, database: Database, path: Path, eventually: Callable[..., object]
) -> None:
    old, _ = several(path, 2)
    make_older(database, 3700)
    stop = threading.Event()
    keeper = RetentionJob(database, Settings(keeper_period=0.02), stop)
    keeper.start()
    eventually(lambda: path.get(f"/workflow/{old}")["expired_at"] is not None, what="it is flagged")
    keeper.stop()
    metrics = path.client.get("/metrics").data.decode()  # type: ignore[attr-defined]
    assert 'jobmon_kept_workflows_total{what="flagged"} 1.0' in metrics


def test_the_keeper_finds_its_rows_by_indexes(path: Path, database: Database) -> None:
    several(path, 1)

    def multiply(connection: Connection) -> None:
        (row,) = connection.execute(select(workflow)).mappings().all()
        columns = {name: value for name, value in row.items() if name not in {"id", "last_run_id"}}
        connection.execute(
            workflow.insert(), [columns | {"owner": f"o{number % 50}"} for number in range(2000)]
        )
        connection.execute(update(workflow).where(workflow.c.id > 1900).values(expires_at=row["created_at"]))

    database.transact(multiply)
    found = {
        "expired": plans(database, lambda connection: expiry.expired(connection, 1, None)),
        "purgeable": plans(database, lambda connection: expiry.purgeable(connection, 1, 1.0, None)),
        "marked": plans(
            database, lambda connection: workflow_removal.marked(connection, workflow_removal.START, 100)
        ),
    }
    assert found["expired"][:1] == [("workflow", "ix_workflow_expires_at")]
    assert set(found["expired"][1:]) == {
        ("workflow", "ix_workflow_owner_finished_at"),
        ("task_instance", "ix_task_instance_tended"),
        ("task", "PRIMARY"),
    }
    assert found["purgeable"][:1] == [("workflow", "ix_workflow_expires_at")]
    assert found["marked"] == [("workflow", "ix_workflow_deleted_at")]
