"""What went wrong in servers of this kind, as stories: each would come out differently there."""

from __future__ import annotations

from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from tests.support.path import SOON, Path, task


def test_no_heartbeat_of_a_task_that_was_stopped_ends_and_does_not_loop(
    path: Path, database: Database
) -> None:
    path.bind(task("a"), task("other")).start()
    one, _ = path.queue()
    path.claim([one])
    path.launch(one, SOON)
    path.overdue(one)
    assert path.instance(one)["status"] == "NO_HEARTBEAT"
    path.act("stop", "a")
    assert (path.instance(one)["status"], path.instance(one)["report_by"]) == ("ERROR_FATAL", None)
    for _ in range(3):
        path.reap()
    assert path.journal(one)[-1] == ("NO_HEARTBEAT", "ERROR_FATAL", "applied")
    assert database.read(check) == []


def test_an_error_that_is_sent_again_makes_one_entry(path: Path) -> None:
    path.bind(task("a"), task("other")).start()
    one = path.run_one()
    for expected in ("applied", "duplicate", "duplicate"):
        assert path.error(one).get_json()["outcome"] == expected
    assert len(path.errors(one)) == 1


def test_what_a_dead_distributor_held_is_given_back_and_costs_no_attempt(
    path: Path, database: Database
) -> None:
    path.bind(task("a", max_attempts=1)).start()
    (one,) = path.queue()
    path.claim([one], SOON)
    path.overdue(one)
    assert path.instance(one)["status"] == "NO_DISTRIBUTOR_ID"
    assert path.status("a") == "REGISTERING"
    path.done(path.run_one())
    assert path.workflow()["status"] == "DONE"
    assert database.read(check) == []


def test_a_resume_before_the_old_command_is_dead_makes_no_second_live_instance(
    path: Path, database: Database
) -> None:
    path.bind(task("a"), task("ready")).start()
    one = path.run_one()
    path.post(f"/workflow_run/{path.run_id}/terminate")
    path.start(resume="cold")
    assert path.instance(one)["status"] == "KILL_SELF"
    queued = [path.instance(other)["name"] for other in path.queue()]
    assert queued == ["ready"]
    assert path.error(one, "ERROR_FATAL").get_json()["task_status"] == "REGISTERING"
    assert [path.instance(other)["name"] for other in path.queue()] == ["a"]
    assert database.read(check) == []


def test_a_kill_that_nobody_confirms_ends_by_its_deadline(path: Path, database: Database) -> None:
    path.bind(task("a"), task("other")).start()
    one = path.run_one(SOON)
    path.act("stop", "a")
    path.overdue(one)
    assert path.instance(one)["status"] == "ERROR_FATAL"
    assert database.read(check) == []
