"""A failed task waits for its delay before it is tried again; until then it counts as ready, and nothing queues it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from tests.support.path import Path, task
from tests.support.waiting import eventually

HOUR = 3600


def its_task(path: Path, name: str = "a") -> dict[str, Any]:
    found: dict[str, Any] = path.get(f"/task/{path.task_ids[name]}")
    return found


def delay_of(path: Path, name: str = "a") -> float:
    """Seconds from the failure to `ready_at`."""
    found = its_task(path, name)
    return (
        datetime.fromisoformat(found["ready_at"]) - datetime.fromisoformat(found["status_at"])
    ).total_seconds()


def fail(path: Path, state: str = "ERROR") -> int:
    one = path.run_one()
    assert path.error(one, state).get_json()["outcome"] == "applied"
    return one


@pytest.mark.parametrize(
    ("state", "status"), [("ERROR", "REGISTERING"), ("RESOURCE_ERROR", "ADJUSTING_RESOURCES")]
)
def test_a_failed_task_waits_and_its_workflow_goes_on(
    path: Path, database: Database, state: str, status: str
) -> None:
    path.bind(task("a", retry_delay=HOUR)).start()
    fail(path, state)
    assert its_task(path)["status"] == status
    assert delay_of(path) == HOUR
    assert path.queue() == []
    assert path.get(f"/workflow/{path.workflow_id}")["status"] == "RUNNING"
    assert database.read(check) == []


def test_it_is_queued_when_the_delay_is_over(path: Path) -> None:
    path.bind(task("a", retry_delay=0.01)).start()
    fail(path)
    eventually(lambda: path.queue() != [], what="the delay ended")
    assert its_task(path)["ready_at"] is None


def test_the_delay_grows_by_its_factor(path: Path) -> None:
    path.bind(task("a", retry_delay={"seconds": 100, "factor": 3})).start()
    delays = []
    for _ in range(2):
        fail(path)
        delays.append(delay_of(path))
        path.post(f"/task/{path.task_ids['a']}/retry")
    assert delays == [100, 300]


def test_jitter_spreads_upwards_and_differs_between_tasks(path: Path) -> None:
    names = [str(number) for number in range(8)]
    path.bind(*map(task, names), retry_delay={"seconds": 100, "jitter": 0.5}).start()
    for _ in names:
        fail(path)
    delays = {delay_of(path, name) for name in names}
    assert len(delays) > 1
    assert all(100 <= one <= 150 for one in delays)


@pytest.mark.parametrize("verb", ["retry", "rerun", "play"])
@pytest.mark.parametrize("state", ["ERROR", "RESOURCE_ERROR"])
@pytest.mark.parametrize("of", ["task", "workflow"])
def test_an_operator_ends_the_delay(path: Path, verb: str, state: str, of: str) -> None:
    path.bind(task("a", retry_delay=HOUR)).start()
    fail(path, state)
    number = path.task_ids["a"] if of == "task" else path.workflow_id
    reply = path.post(f"/{of}/{number}/{verb}")
    assert reply.get_json()["outcome"] == "applied", reply.get_json()
    assert len(path.queue()) == 1


@pytest.mark.parametrize("resume", ["cold", "hot"])
def test_a_resume_ends_the_delay(path: Path, resume: str) -> None:
    path.bind(task("a", retry_delay=HOUR)).start()
    fail(path)
    path.post(f"/workflow_run/{path.run_id}/terminate")
    path.start(resume=resume)
    assert len(path.queue()) == 1


def test_pause_and_play_end_it_too(path: Path) -> None:
    path.bind(task("a", retry_delay=HOUR)).start()
    fail(path)
    number = path.task_ids["a"]
    for verb in ("pause", "play"):
        assert path.post(f"/task/{number}/{verb}").get_json()["outcome"] == "applied"
        assert its_task(path)["ready_at"] is None
    assert len(path.queue()) == 1


def test_a_task_that_says_zero_waits_for_nothing(path: Path) -> None:
    path.bind(task("a", retry_delay=0), retry_delay=HOUR).start()
    fail(path)
    assert (its_task(path)["ready_at"], its_task(path)["retry_delay"]) == (None, None)
    assert len(path.queue()) == 1


def test_the_reaper_starts_a_delay_too(path: Path) -> None:
    path.bind(task("a", retry_delay=HOUR)).start()
    one = path.run_one(seconds=0.001)
    path.overdue(one)
    path.overdue(one)
    assert its_task(path)["status"] == "REGISTERING"
    assert delay_of(path) == HOUR


def test_an_attempt_that_was_given_back_is_made_again_at_once(path: Path) -> None:
    path.bind(task("a", retry_delay=HOUR)).start()
    (one,) = path.queue()
    path.claim([one], seconds=0.001)
    path.overdue(one)
    assert its_task(path)["ready_at"] is None
    assert len(path.queue()) == 1


def test_a_delay_in_a_batch_of_reports_is_each_tasks_own(path: Path) -> None:
    path.bind(task("a", retry_delay=HOUR), task("b"), task("c", retry_delay=60)).start()
    ids = [path.run_one() for _ in range(3)]
    failed = {"worker_id": "worker-1", "error_state": "ERROR", "error_description": "it broke"}
    path.reports(*({"task_instance_id": one, "report": "log_error_worker_node", **failed} for one in ids))
    assert (delay_of(path, "a"), its_task(path, "b")["ready_at"], delay_of(path, "c")) == (HOUR, None, 60)


def test_it_shows_and_can_be_asked_for(path: Path) -> None:
    delay = {"seconds": 10.0, "factor": 2.0, "jitter": 0.0}
    path.bind(task("a", retry_delay={"seconds": 10, "factor": 2}), task("b")).start()
    assert its_task(path)["retry_delay"] == delay
    fail(path)
    search = [{"field": "ready_at", "operator": "gt", "value": "2001-01-01T00:00:00Z"}]
    found = path.post("/task/search", search=search).get_json()
    assert [one["name"] for one in found["tasks"]] == ["a"]


def test_the_explanation_of_a_task_says_what_keeps_it(path: Path) -> None:
    path.bind(task("a", retry_delay=HOUR), task("b", "a")).start()
    fail(path)
    told = path.get(f"/task/{path.task_ids['a']}/explain")
    assert told["ready_at"] == its_task(path)["ready_at"]
    assert "the end of its retry delay" in told["waits_for"][0]
    told = path.get(f"/task/{path.task_ids['b']}/explain")
    assert told["upstreams"] == [{"task_id": path.task_ids["a"], "name": "a", "status": "REGISTERING"}]
    assert (told["upstreams_left"], told["current_task_instance_id"]) == (1, None)
    assert path.client.get("/api/v1/task/404/explain").status_code == 404


def test_what_begins_anew_says_since_when(path: Path) -> None:
    path.bind(task("a")).start()
    seen = [its_task(path)["status_at"]]
    (one,) = path.queue()
    seen.append(its_task(path)["status_at"])
    path.claim([one])
    path.running(one)
    seen.append(its_task(path)["status_at"])
    assert seen == sorted(set(seen))
    path.post(f"/task/{path.task_ids['a']}/stop")
    found = path.get(f"/workflow/{path.workflow_id}")
    assert (found["status"], found["status_at"]) == ("STOPPED", found["finished_at"])
    (row,) = path.get("/workflow?sort=-status_at&fields=status_at")["workflows"]
    assert row["status_at"] == found["status_at"]


def test_a_hold_that_changes_is_told(path: Path) -> None:
    path.bind(task("a"))
    path.post(f"/task/{path.task_ids['a']}/pause")
    reply = path.post(f"/workflow/{path.workflow_id}/pause").get_json()
    assert (reply["outcome"], reply["applied"], reply["hold_changed"]) == ("duplicate", 0, True)
    assert "hold_changed" not in path.post(f"/workflow/{path.workflow_id}/pause").get_json()


def test_a_run_whose_owner_is_known_to_be_dead_is_taken_over(path: Path) -> None:
    process = {"host": "h", "boot_id": "b", "pid_namespace": "p", "pid": 7, "started": "1"}
    path.bind(task("a")).start(process=process)
    found = path.get(f"/workflow/{path.workflow_id}")
    assert (found["workflow_run_process"], found["workflow_run_id"]) == (process, path.run_id)
    address, facts = f"/workflow/{path.workflow_id}/workflow_run", {"next_report_increment": 60}
    assert path.post(address, resume="hot", takes_over=path.run_id + 1, **facts).status_code == 409
    reply = path.post(address, resume="hot", takes_over=path.run_id, **facts)
    assert reply.status_code == 201
    late = path.post(f"/workflow_run/{path.run_id}/queue_tasks")
    assert (late.status_code, late.get_json()["status"]) == (409, "TERMINATED")


def test_a_retry_names_what_began_below(path: Path) -> None:
    path.bind(task("a"), task("b", "a")).start()
    path.done(path.run_one())
    path.run_one()
    path.post(
        "/task/force_status", task_ids=[path.task_ids["a"]], status="ERROR_FATAL", reason="it was wrong"
    )
    reply = path.post(f"/task/{path.task_ids['a']}/retry").get_json()
    assert reply["begun_below"] == [{"task_id": path.task_ids["b"], "name": "b", "status": "RUNNING"}]
