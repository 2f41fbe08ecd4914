"""What is reported late: of an attempt whose task was rerun meanwhile, and the cluster's id of one that went on."""

from __future__ import annotations

import pytest

from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from tests.support.path import Path, task
from tests.support.situations import SITUATIONS, into

LIVE = ("INSTANTIATED", "LAUNCHED", "RUNNING", "TRIAGING")


@pytest.mark.parametrize("situation", LIVE)
def test_a_rerun_of_a_live_task_is_a_stop_and_a_rerun(path: Path, database: Database, situation: str) -> None:
    path.bind().start()
    (one,) = into(path, situation)
    said = path.act("rerun", path.instance(one)["name"])
    instance = path.instance(one)
    assert (said["outcome"], said["status"]) == ("applied", "REGISTERING")
    assert (instance["status"], instance["orphan"], instance["requeue"]) == ("KILL_SELF", True, False)
    assert path.get(f"/task/{instance['task_id']}")["num_attempts"] == 0
    assert database.read(check) == []


def test_a_done_that_comes_after_the_rerun_does_not_undo_it(path: Path, database: Database) -> None:
    path.bind(task("a")).start()
    one = path.run_one()
    path.act("rerun", "a")
    assert path.queue() == []
    late = path.done(one).get_json()
    assert (late["outcome"], late["status"], late["task_status"]) == ("applied", "DONE", "REGISTERING")
    assert path.workflow()["status"] == "RUNNING"
    again = path.run_one()
    assert path.instance(again)["attempt"] == 2
    path.done(again)
    assert (path.status("a"), path.workflow()["status"]) == ("DONE", "DONE")
    assert database.read(check) == []


def test_a_rerun_of_what_is_to_start_afresh_makes_it_an_orphan(path: Path, database: Database) -> None:
    path.bind().start()
    (one,) = into(path, "KILL_SELF")
    name = path.instance(one)["name"]
    assert path.act("rerun", name)["outcome"] == "applied"
    assert (path.status(name), path.instance(one)["orphan"]) == ("REGISTERING", True)
    assert path.act("rerun", name)["outcome"] == "duplicate"
    path.done(one)
    assert path.status(name) == "REGISTERING"
    assert database.read(check) == []


@pytest.mark.parametrize("situation", sorted(set(SITUATIONS) - {"QUEUED", "ERROR_FATAL, withdrawn"}))
def test_a_launch_that_is_told_late_keeps_the_clusters_id(path: Path, situation: str) -> None:
    path.bind().start()
    (one,) = into(path, situation)
    place = path.instance(one)
    batch = f"/array/{place['array_id']}/batch/{place['batch_num']}"
    ids = {str(place["array_step_id"]): "late"}
    path.post(f"{batch}/log_launched", distributor_ids=ids, next_report_increment=60)
    now = path.instance(one)
    assert now["distributor_id"] == "late"
    if situation not in {"INSTANTIATED", "LAUNCHED"}:
        assert (now["status"], now["report_by"]) == (place["status"], place["report_by"])


def test_what_waits_has_no_id_yet(path: Path) -> None:
    path.bind().start()
    (one,) = into(path, "QUEUED")
    place = path.instance(one)
    batch = f"/array/{place['array_id']}/batch/{place['batch_num']}"
    ids = {str(place["array_step_id"]): "late"}
    reply = path.post(f"{batch}/log_launched", distributor_ids=ids, next_report_increment=60).get_json()
    assert ([one["outcome"] for one in reply["outcomes"]], path.instance(one)["distributor_id"]) == (
        ["invalid"],
        None,
    )
