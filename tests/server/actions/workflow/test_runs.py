"""Runs: one owner at a time, resumed cold or hot, terminated, overdue; and the workflow's status in every row of the table."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables_workflow import workflow_run
from tests.support.path import SOON, Path, Reply, task
from tests.support.situations import into
from tests.support.waiting import eventually


def test_starting_a_run_may_be_repeated_blindly(path: Path) -> None:
    path.bind(task("a"))
    start = {"next_report_increment": 60, "request_id": "r1"}
    first = path.post(f"/workflow/{path.workflow_id}/workflow_run", **start)
    again = path.post(f"/workflow/{path.workflow_id}/workflow_run", **start)
    assert (first.status_code, first.get_json()["outcome"]) == (201, "applied")
    assert (again.status_code, again.get_json()["outcome"]) == (200, "duplicate")
    assert again.get_json()["workflow_run_id"] == first.get_json()["workflow_run_id"]
    other = path.post(f"/workflow/{path.workflow_id}/workflow_run", **{**start, "request_id": "r2"})
    assert (other.status_code, other.get_json()["error"]["code"]) == (409, "invalid")


def start(path: Path, **facts: object) -> Reply:
    return path.post(f"/workflow/{path.workflow_id}/workflow_run", next_report_increment=60, **facts)


def beat(path: Path, seconds: float = 60, run_id: int | None = None) -> Reply:
    return path.post(f"/workflow_run/{run_id or path.run_id}/log_heartbeat", next_report_increment=seconds)


def refused(reply: Reply, code: int = 409) -> str:
    body = reply.get_json()
    assert (reply.status_code, body["outcome"]) == (code, {409: "invalid", 404: "unknown"}[code]), body
    return str(body["status"])


@pytest.mark.parametrize("resume", [{}, {"resume": "cold"}, {"resume": "hot"}], ids=["plain", "cold", "hot"])
def test_a_workflow_has_one_run_at_a_time(path: Path, resume: dict[str, str]) -> None:
    path.bind(task("a")).start()
    assert refused(start(path, **resume)) == "RUNNING"


def test_resume_is_ignored_where_there_was_no_run(path: Path) -> None:
    path.bind(task("a")).start(resume="cold")
    assert len(path.queue()) == 1


def test_another_run_says_how_it_resumes(path: Path) -> None:
    path.bind(task("a")).start()
    path.post(f"/workflow_run/{path.run_id}/terminate")
    assert refused(start(path)) == "HALTED"
    assert start(path, resume="warm").status_code == 422
    assert start(path, resume="cold").status_code == 201


def test_what_is_over_is_not_run_again(path: Path) -> None:
    path.bind(task("a")).start()
    path.done(path.run_one())
    assert refused(start(path, resume="cold")) == "DONE"
    path.bind(task("a")).start()
    path.act("stop")
    assert refused(start(path, resume="cold")) == "STOPPED"


def test_what_is_unknown_is_404(path: Path) -> None:
    assert refused(path.post("/workflow/5/workflow_run", next_report_increment=1), 404) == "None"
    for what in ("log_heartbeat", "queue_tasks", "terminate"):
        facts = {"next_report_increment": 1} if what == "log_heartbeat" else {}
        assert path.post(f"/workflow_run/5/{what}", **facts).status_code == 404


def test_a_resume_sends_what_failed_back_and_leaves_what_was_stopped(path: Path, database: Database) -> None:
    path.bind(task("a", max_attempts=1), task("b"), task("c", "a")).start()
    path.act("stop", "b")
    path.error(path.run_one())
    assert path.workflow()["status"] == "FAILED"
    path.start(resume="hot")
    assert {name: path.status(name) for name in "abc"} == {
        "a": "REGISTERING",
        "b": "STOPPED",
        "c": "REGISTERING",
    }
    assert path.get(f"/task/{path.task_ids['a']}")["num_attempts"] == 0
    assert database.read(check) == []


def lost_owner(path: Path) -> dict[str, int]:
    """A workflow whose owner fell silent with one instance in each live situation."""
    path.bind().start(SOON)
    live = {name: into(path, name)[0] for name in ("QUEUED", "INSTANTIATED", "LAUNCHED", "RUNNING")}
    path.reap()
    assert path.workflow()["status"] == "HALTED"
    return live


def test_a_hot_resume_adopts_what_is_live(path: Path, database: Database) -> None:
    live = lost_owner(path)
    path.start(resume="hot")
    assert path.statuses(live.values()) == {one: status for status, one in live.items()}
    assert path.workflow()["status"] == "RUNNING"
    assert path.queue() == []
    assert path.done(live["RUNNING"]).get_json()["outcome"] == "applied"
    assert database.read(check) == []


def test_a_cold_resume_kills_what_is_live_and_withdraws_what_waits(path: Path, database: Database) -> None:
    live = lost_owner(path)
    path.start(resume="cold")
    after = path.statuses(live.values())
    assert {status: after[one] for status, one in live.items()} == {
        "QUEUED": "ERROR_FATAL",
        "INSTANTIATED": "KILL_SELF",
        "LAUNCHED": "KILL_SELF",
        "RUNNING": "KILL_SELF",
    }
    assert len(path.queue()) == 1
    assert path.error(live["RUNNING"], "ERROR_FATAL").get_json()["task_status"] == "REGISTERING"
    assert len(path.queue()) == 1
    assert database.read(check) == []


def test_reports_count_as_ever_when_no_run_is_alive(path: Path) -> None:
    live = lost_owner(path)
    assert path.done(live["RUNNING"]).get_json()["outcome"] == "applied"
    assert path.running(live["LAUNCHED"]).get_json()["outcome"] == "applied"
    assert path.claim([live["QUEUED"]])["batches"]


def test_a_terminated_run_leaves_nothing_waiting_and_can_be_resumed(path: Path, database: Database) -> None:
    path.bind().start()
    ids = [into(path, name)[0] for name in ("QUEUED", "RUNNING", "DONE", "TRIAGING")]
    said = path.post(f"/workflow_run/{path.run_id}/terminate", reason="enough").get_json()
    assert (said["outcome"], said["status"], said["applied"]) == ("applied", "STOPPED", 3)
    assert list(path.statuses(ids).values()) == ["ERROR_FATAL", "KILL_SELF", "DONE", "KILL_SELF"]
    assert path.workflow()["status"] == "HALTED"
    assert path.post(f"/workflow_run/{path.run_id}/terminate").get_json()["outcome"] == "duplicate"
    assert refused(beat(path)) == "STOPPED"
    assert refused(path.post(f"/workflow_run/{path.run_id}/queue_tasks")) == "STOPPED"
    path.start(resume="hot")
    assert database.read(check) == []


def test_another_ended_run_cannot_be_terminated(path: Path) -> None:
    path.bind(task("a")).start()
    path.done(path.run_one())
    assert refused(path.post(f"/workflow_run/{path.run_id}/terminate")) == "DONE"


@pytest.mark.parametrize("how", ["heartbeat", "queueing"])
def test_a_run_that_nobody_reaped_yet_is_revived(path: Path, how: str) -> None:
    path.bind(task("a")).start(SOON)
    if how == "heartbeat":
        assert beat(path).get_json() == {"outcome": "applied", "status": "RUNNING"}
        path.reap()
        assert path.workflow()["workflow_run_status"] == "RUNNING"
    else:
        assert len(path.queue()) == 1
        assert path.workflow()["workflow_run_status"] == "RUNNING"


def test_an_overdue_run_is_taken_over_without_waiting_for_the_reaper(path: Path, database: Database) -> None:
    path.bind(task("a")).start(SOON)
    former = path.run_id
    eventually(lambda: start(path, resume="hot").status_code == 201)
    assert refused(beat(path, run_id=former)) == "TERMINATED"
    assert refused(path.post(f"/workflow_run/{former}/queue_tasks")) == "TERMINATED"
    assert database.read(check) == []


def test_a_runs_deadline_only_moves_forward(path: Path, database: Database) -> None:
    path.bind(task("a")).start(60)
    beat(path, 0.001)
    path.reap()
    assert path.workflow()["workflow_run_status"] == "RUNNING"
    assert datetime.fromisoformat(path.workflow()["updated_at"]).utcoffset() is not None


def test_a_heartbeat_extends_the_runs_deadline(path: Path, database: Database) -> None:
    def deadline() -> datetime:
        found: datetime = database.read(
            lambda connection: connection.execute(select(workflow_run.c.report_by)).scalar_one()
        )
        return found

    path.bind(task("a")).start(5)
    before = deadline()
    assert beat(path, 60).get_json() == {"outcome": "applied", "status": "RUNNING"}
    assert timedelta(seconds=50) < deadline() - before < timedelta(seconds=60)


#: task situations, whether there is a ready one, what was done with the run: the workflow's status (docs/states.md, row by row).
ROWS: list[tuple[str, tuple[str, ...], str, str]] = [
    ("a live task", ("RUNNING",), "alive", "RUNNING"),
    ("a live task", ("RUNNING",), "ended", "HALTED"),
    ("something ready", ("ready",), "alive", "RUNNING"),
    ("something ready", ("ready",), "ended", "HALTED"),
    ("something ready", ("ready",), "never", "REGISTERED"),
    ("something failed", ("ERROR_FATAL", "blocked"), "alive", "FAILED"),
    ("something stopped", ("stopped", "blocked"), "alive", "STOPPED"),
    ("something stopped", ("stopped", "blocked"), "never", "STOPPED"),
    ("failed and stopped", ("stopped", "ERROR_FATAL"), "alive", "FAILED"),
    ("something paused", ("paused", "DONE"), "alive", "PAUSED"),
    ("something paused", ("paused", "DONE"), "ended", "HALTED"),
    ("something paused", ("paused",), "never", "PAUSED"),
    ("ready and held", ("ready", "held"), "alive", "PAUSED"),
    ("ready and held", ("ready", "held"), "ended", "HALTED"),
    ("ready and held", ("ready", "held"), "never", "PAUSED"),
    ("everything done", ("DONE",), "alive", "DONE"),
    ("nothing at all", (), "alive", "DONE"),
    ("nothing at all", (), "ended", "HALTED"),
    ("nothing at all", (), "never", "REGISTERED"),
]


def populate(path: Path, what: str) -> None:
    """Bring a task of this kind into the workflow."""
    match what:
        case "ready":
            path.add(task("ready"))
        case "held":
            path.act("pause")
            path.add(task("held"))
        case "blocked":
            path.add(task("blocked", next(iter(path.task_ids))))
        case "stopped" | "paused":
            path.add(task(what), task("meanwhile"))
            path.act({"stopped": "stop", "paused": "pause"}[what], what)
        case _:
            into(path, what)


@pytest.mark.parametrize(
    ("name", "tasks", "run", "status"), ROWS, ids=[f"{name}, {run}" for name, _, run, _ in ROWS]
)
def test_a_workflows_status_in_every_row_of_the_truth_table(
    path: Path, database: Database, name: str, tasks: tuple[str, ...], run: str, status: str
) -> None:
    path.bind()
    if run != "never":
        path.start(SOON if run == "ended" else 60)
    for what in tasks:
        populate(path, what)
    if "meanwhile" in path.task_ids:
        path.act("stop" if "stopped" in tasks else "pause", "meanwhile")
    if run == "ended":
        eventually(lambda: (path.reap(), path.workflow()["workflow_run_status"] == "ERROR")[1])
    elif run == "alive" and not tasks:
        beat(path)
    assert path.workflow()["status"] == status
    assert database.read(check) == []
