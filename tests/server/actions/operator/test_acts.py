"""Stop, pause, play, retry, rerun, of one task and of a workflow: every verb on every status of a task."""

from __future__ import annotations

import pytest

from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from tests.support.path import Path, task
from tests.support.situations import into

#: status of the task: outcome and status after stop, pause, play, retry, rerun.
VERBS = ("stop", "pause", "play", "retry", "rerun")
TABLE = {
    "REGISTERING": (
        "applied STOPPED",
        "applied PAUSED",
        "duplicate REGISTERING",
        "duplicate REGISTERING",
        "duplicate REGISTERING",
    ),
    "QUEUED": (
        "applied STOPPED",
        "applied PAUSED",
        "invalid QUEUED",
        "invalid QUEUED",
        "applied REGISTERING",
    ),
    "INSTANTIATING": (
        "applied STOPPED",
        "invalid INSTANTIATING",
        "invalid INSTANTIATING",
        "invalid INSTANTIATING",
        "applied REGISTERING",
    ),
    "LAUNCHED": (
        "applied STOPPED",
        "invalid LAUNCHED",
        "invalid LAUNCHED",
        "invalid LAUNCHED",
        "applied REGISTERING",
    ),
    "RUNNING": (
        "applied STOPPED",
        "invalid RUNNING",
        "invalid RUNNING",
        "invalid RUNNING",
        "applied REGISTERING",
    ),
    "ADJUSTING_RESOURCES": (
        "applied STOPPED",
        "applied PAUSED",
        "invalid ADJUSTING_RESOURCES",
        "invalid ADJUSTING_RESOURCES",
        "applied REGISTERING",
    ),
    "PAUSED": (
        "applied STOPPED",
        "duplicate PAUSED",
        "applied REGISTERING",
        "invalid PAUSED",
        "applied REGISTERING",
    ),
    "DONE": ("invalid DONE", "invalid DONE", "invalid DONE", "invalid DONE", "applied REGISTERING"),
    "ERROR_FATAL": (
        "invalid ERROR_FATAL",
        "invalid ERROR_FATAL",
        "invalid ERROR_FATAL",
        "applied REGISTERING",
        "applied REGISTERING",
    ),
    "STOPPED": (
        "duplicate STOPPED",
        "invalid STOPPED",
        "invalid STOPPED",
        "invalid STOPPED",
        "applied REGISTERING",
    ),
}
BY_INSTANCE = {
    "QUEUED": "QUEUED",
    "INSTANTIATING": "INSTANTIATED",
    "LAUNCHED": "LAUNCHED",
    "RUNNING": "RUNNING",
    "ADJUSTING_RESOURCES": "RESOURCE_ERROR",
    "DONE": "DONE",
    "ERROR_FATAL": "ERROR_FATAL",
}


def a_task(path: Path, status: str) -> str:
    """A new task of this status; its name."""
    if status in BY_INSTANCE:
        (one,) = into(path, BY_INSTANCE[status])
        return str(path.instance(one)["name"])
    name = f"task {len(path.task_ids)}"
    path.add(task(name))
    if status != "REGISTERING":
        path.act({"PAUSED": "pause", "STOPPED": "stop"}[status], name)
    return name


@pytest.mark.parametrize("status", TABLE)
def test_every_verb_on_a_task_of_every_status(path: Path, database: Database, status: str) -> None:
    path.bind(task("kept", "later"), task("later")).start()
    for verb, expected in zip(VERBS, TABLE[status], strict=True):
        name = a_task(path, status)
        assert path.status(name) == status
        reply = path.post(f"/task/{path.task_ids[name]}/{verb}", reason="because")
        said = reply.get_json()
        outcome, after = expected.split()
        assert (said["outcome"], said["status"], path.status(name)) == (outcome, after, after), verb
        assert reply.status_code == (409 if outcome == "invalid" else 200)
        if outcome != "invalid":
            assert said["applied"] == (outcome == "applied")
        path.act("stop", name)
    assert database.read(check) == []


def test_a_verb_on_what_is_unknown_is_404(path: Path) -> None:
    for verb in VERBS:
        for target in ("task", "workflow"):
            reply = path.post(f"/{target}/77/{verb}")
            assert (reply.status_code, reply.get_json()["outcome"]) == (404, "unknown")


@pytest.mark.parametrize("verb", ["retry", "rerun"])
def test_what_is_retried_has_all_its_attempts_again(path: Path, verb: str) -> None:
    path.bind(task("a", max_attempts=1), task("b")).start()
    path.error(path.run_one())
    assert path.get(f"/task/{path.task_ids['a']}")["num_attempts"] == 1
    path.act(verb, "a")
    assert path.get(f"/task/{path.task_ids['a']}")["num_attempts"] == 0
    assert path.instance(path.run_one())["attempt"] == 2


def test_pausing_a_queued_task_withdraws_it_and_gives_the_attempt_back(path: Path) -> None:
    path.bind(task("a")).start()
    (one,) = path.queue()
    first = path.act("pause", "a")
    changed = {"outcome": "applied", "applied": 1, "task_ids": [path.task_ids["a"]]}
    assert first == {**path.act("pause", "a"), **changed}
    assert path.instance(one)["status"] == "ERROR_FATAL"
    assert path.get(f"/task/{path.task_ids['a']}")["num_attempts"] == 0
    assert path.claim([one])["batches"] == []
    assert path.queue() == []
    path.act("play", "a")
    assert len(path.queue()) == 1


@pytest.mark.parametrize(
    ("situation", "after"),
    [
        ("QUEUED", "ERROR_FATAL"),
        ("NO_HEARTBEAT", "ERROR_FATAL"),
        ("INSTANTIATED", "KILL_SELF"),
        ("LAUNCHED", "KILL_SELF"),
        ("RUNNING", "KILL_SELF"),
        ("TRIAGING", "KILL_SELF"),
    ],
)
def test_a_stop_is_one_transaction_a_task(path: Path, database: Database, situation: str, after: str) -> None:
    path.bind(task("other")).start()
    (one,) = into(path, situation)
    name = path.instance(one)["name"]
    assert path.act("stop", name, reason="enough")["status"] == "STOPPED"
    assert (path.instance(one)["status"], path.instance(one)["orphan"]) == (after, True)
    entry = path.get(f"/task_instance/{one}/journal")["journal"][-1]
    assert (entry["to"], entry["task_to"], entry["reporter"], entry["reason"]) == (
        after,
        "STOPPED",
        "operator",
        "enough",
    )
    assert database.read(check) == []


@pytest.mark.parametrize("how", ["ERROR", "RESOURCE_ERROR", "DONE", "ERROR_FATAL"])
def test_an_orphan_may_only_end_and_its_task_stays(path: Path, how: str) -> None:
    path.bind(task("other")).start()
    (one,) = into(path, "KILL_SELF, orphan")
    reply = path.done(one) if how == "DONE" else path.error(one, how)
    body = reply.get_json()
    ends = how in {"DONE", "ERROR_FATAL"}
    assert (body["outcome"], body["task_status"]) == ("applied" if ends else "untimely", "STOPPED")


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_on_a_workflow_changes_every_task_that_it_may(
    path: Path, database: Database, verb: str
) -> None:
    path.bind(task("kept")).start()
    path.queue()
    names = {status: a_task(path, status) for status in TABLE}
    index = VERBS.index(verb)
    expected = {status: TABLE[status][index].split() for status in TABLE}
    changed = [status for status, (outcome, _) in expected.items() if outcome == "applied"]
    kept = TABLE["QUEUED"][index].startswith("applied")
    said = path.act(verb, reason="all of it")
    assert (said["outcome"], said["applied"]) == ("applied", len(changed) + kept)
    for status, name in names.items():
        assert path.status(name) == expected[status][1], status
    assert path.act(verb)["outcome"] in {"duplicate", "invalid"}
    assert database.read(check) == []


@pytest.mark.parametrize(
    ("verb", "outcome"),
    [("stop", "invalid"), ("pause", "invalid"), ("play", "invalid"), ("retry", "invalid")],
)
def test_a_verb_that_nothing_answers_to_is_invalid(path: Path, verb: str, outcome: str) -> None:
    path.bind(task("a")).start()
    path.done(path.run_one())
    reply = path.post(f"/workflow/{path.workflow_id}/{verb}")
    assert (reply.status_code, reply.get_json()["outcome"]) == (409, outcome)


def test_a_paused_workflow_holds_what_comes_back(path: Path, database: Database) -> None:
    path.bind(task("a"), task("b", "a")).start()
    one = path.run_one()
    assert path.act("pause")["outcome"] == "applied"
    path.error(one)
    assert (path.status("a"), path.queue()) == ("REGISTERING", [])
    assert path.workflow()["status"] == "PAUSED"
    assert path.act("play")["outcome"] == "applied"
    assert path.workflow()["status"] == "RUNNING"
    assert len(path.queue()) == 1
    assert database.read(check) == []


def test_a_rerun_of_what_is_done_makes_its_downstream_wait_again(path: Path, database: Database) -> None:
    path.bind(task("a"), task("b", "a")).start()
    path.done(path.run_one())
    assert path.status("b") == "REGISTERING"
    path.act("rerun", "a")
    (again,) = path.queue()
    assert path.instance(again)["name"] == "a"
    path.claim([again])
    path.running(again)
    path.done(again)
    path.done(path.run_one())
    assert path.workflow()["status"] == "DONE"
    assert database.read(check) == []


def test_retry_where_no_run_is_alive_leaves_it_to_the_next_run(path: Path) -> None:
    path.bind(task("a", max_attempts=1)).start()
    path.error(path.run_one())
    assert path.workflow()["status"] == "FAILED"
    assert path.act("retry", "a")["status"] == "REGISTERING"
    assert path.workflow()["status"] == "HALTED"
    path.start(resume="hot")
    path.done(path.run_one())
    assert path.workflow()["status"] == "DONE"
