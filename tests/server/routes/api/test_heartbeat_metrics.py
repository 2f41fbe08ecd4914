"""What comes with heartbeats and ends: measurements, progress, notes of the attempt, and why it ended in a word."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from jobmon_server.actions.reporting.deadlines import reap
from jobmon_server.app import create_app
from jobmon_server.config import METRIC_NAMES, Settings
from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from tests.support.path import ME, Path, task

ALL: dict[str, float] = {
    "load": 0.5,
    "rss_bytes": 2**33,
    "vsize_bytes": 2**40 + 1,
    "disk_free_bytes": 0,
    "cpu_seconds": 12.25,
    "wall_seconds": 13,
}


@pytest.fixture
def path(database: Database) -> Path:
    """The main path to a server that keeps three samples of an instance."""
    app = create_app(database, Settings(auth="none", metric_samples=3))
    return Path(app.test_client(), reap=lambda: reap(database))


@pytest.fixture
def running(path: Path) -> int:
    """An instance that runs."""
    return path.bind(task("a"), task("b"), task("c")).start().run_one()


def values(path: Path, one: int, query: str = "") -> list[tuple[str, float]]:
    """The history, oldest first."""
    rows = path.get(f"/task_instance/{one}/metrics{query}")["metrics"]
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    return [(row["name"], row["value"]) for row in rows]


# -- metrics ---------------------------------------------------------------------------------------------------------


def test_what_a_heartbeat_measures_is_kept_as_numbers_at_its_instant(path: Path, running: int) -> None:
    assert path.beat(running, metrics=ALL).get_json()["outcome"] == "applied"
    rows = path.get(f"/task_instance/{running}/metrics")["metrics"]
    assert {row["name"]: row["value"] for row in rows} == ALL
    instance = path.instance(running)
    assert {row["time"] for row in rows} == {instance["heartbeat_at"]}
    assert (instance["metrics"], instance["metric_samples"]) == (ALL, 1)


def test_the_history_of_an_instance_is_bounded_and_its_oldest_goes_first(
    path: Path, running: int, database: Database
) -> None:
    for number in range(5):
        path.beat(running, metrics={"load": number, "cpu_seconds": number / 2})
    assert values(path, running, "?name=load") == [("load", 2), ("load", 3), ("load", 4)]
    assert values(path, running, "?limit=3") == [("load", 3), ("cpu_seconds", 2), ("load", 4)]
    assert len(values(path, running)) == 6
    assert path.instance(running)["metrics"] == {"load": 4, "cpu_seconds": 2}
    assert database.read(check) == []


def test_a_heartbeat_without_metrics_leaves_the_last_ones(path: Path, running: int) -> None:
    path.beat(running, metrics={"load": 1})
    path.beat(running)
    path.beat(running, metrics={})
    assert (values(path, running), path.instance(running)["metric_samples"]) == ([("load", 1)], 1)


@pytest.mark.parametrize(
    ("metrics", "field", "says"),
    [
        ({"load": 1, "mood": 3}, "metrics.mood", ", ".join(METRIC_NAMES)),
        ({"load": "1"}, "metrics.load", "number"),
        ({"load": True}, "metrics.load", "number"),
        ({"load": None}, "metrics.load", "number"),
        ({"load": 10**400}, "metrics.load", "number"),
        ([1], "metrics", "object"),
    ],
)
def test_what_may_not_be_measured_is_named_and_nothing_of_that_heartbeat_counts(
    path: Path, running: int, metrics: Any, field: str, says: str
) -> None:
    was = path.instance(running)
    reply = path.beat(running, metrics=metrics, progress="half")
    (detail,) = reply.get_json()["error"]["details"]
    assert (reply.status_code, detail["field"]) == (422, field)
    assert says in detail["problem"]
    beat = {
        "task_instance_id": running,
        "report": "log_report_by",
        "worker_id": ME,
        "next_report_increment": 600,
    }
    said = path.reports({**beat, "metrics": metrics}, {**beat, "task_instance_id": 999})
    assert (said["applied"], [one["outcome"] for one in said["outcomes"]]) == (0, ["malformed", "unknown"])
    assert path.instance(running) == was


def test_the_names_that_may_be_measured_are_published_and_a_setting(database: Database) -> None:
    settings = Settings(auth="none", metric_names=("gpu_bytes",), metric_samples=7)
    path = Path(create_app(database, settings).test_client())
    assert path.get("/metric_names") == {"names": ["gpu_bytes"], "samples": 7}
    one = path.bind(task("a")).start().run_one()
    assert path.beat(one, metrics={"load": 1}).status_code == 422
    path.beat(one, metrics={"gpu_bytes": 5})
    assert values(path, one) == [("gpu_bytes", 5)]
    default = Path(create_app(database).test_client())
    assert default.get("/metric_names")["names"] == list(METRIC_NAMES) == list(ALL)


def test_a_heartbeat_that_does_not_count_measures_nothing(path: Path, running: int) -> None:
    path.beat(running, "worker-2", metrics={"load": 1})
    path.act("stop", "a")
    path.beat(running, metrics={"load": 1})
    assert (values(path, running), path.instance(running)["metrics"]) == ([], None)
    assert path.client.get("/api/v1/task_instance/999/metrics").status_code == 404


def test_many_heartbeats_of_one_call_measure_each_its_own(path: Path, running: int) -> None:
    other = path.run_one()
    beat = {"report": "log_report_by", "worker_id": ME, "next_report_increment": 60}
    items = [
        {"task_instance_id": one, **beat, "metrics": {"load": load}}
        for one, load in ((running, 1), (other, 2), (running, 3))
    ]
    assert path.reports(*items) == {"applied": 3, "outcomes": []}
    assert values(path, running) == [("load", 1), ("load", 3)]
    assert values(path, other) == [("load", 2)]


def killed_at(database: Database, table: str) -> Callable[[], None]:
    """Let the server die when it comes to write to this table; returns what revives it."""

    def die(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith(f"INSERT INTO {table}"):
            raise ConnectionAbortedError

    event.listen(database.engine, "before_cursor_execute", die)
    return lambda: event.remove(database.engine, "before_cursor_execute", die)


@pytest.mark.parametrize("table", ["metric_sample", "task_instance_attribute"])
def test_a_heartbeat_and_what_it_brings_are_one_or_nothing(
    path: Path, running: int, database: Database, table: str
) -> None:
    was = path.instance(running)
    revive = killed_at(database, table)
    facts: dict[str, Any] = {"metrics": {"load": 1}, "attributes": {"a": 1}, "seconds": 600}
    assert path.beat(running, **facts).status_code == 500
    revive()
    assert (path.instance(running), values(path, running)) == (was, [])
    assert path.beat(running, **facts).get_json()["outcome"] == "applied"
    assert values(path, running) == [("load", 1)]


# -- progress --------------------------------------------------------------------------------------------------------


def test_progress_is_text_that_moves_nothing_and_is_cut_at_255_characters(path: Path, running: int) -> None:
    journal = path.journal(running)
    path.beat(running, progress="step 3 of 7 é😀")
    assert path.instance(running)["progress"] == "step 3 of 7 é😀"
    path.beat(running)
    assert path.instance(running)["progress"] == "step 3 of 7 é😀"
    path.beat(running, progress="😀" * 255)
    assert path.instance(running)["progress"] == "😀" * 255
    path.beat(running, progress="x" * 1000 + "\ud800")
    assert path.instance(running)["progress"] == "x" * 254 + "…"
    assert path.instance(running)["status"] == "RUNNING"
    assert path.journal(running) == journal


# -- times -----------------------------------------------------------------------------------------------------------


def test_the_start_is_the_first_running_and_the_end_is_set_once(path: Path) -> None:
    running = path.bind(task("a")).start().run_one(seconds=0.05)
    started = path.instance(running)["started_at"]
    path.running(running)
    path.overdue(running)
    path.beat(running)
    instance = path.instance(running)
    assert (instance["status"], instance["started_at"], instance["finished_at"]) == ("RUNNING", started, None)
    assert instance["heartbeat_at"] >= instance["status_at"] > started
    path.beat(running)
    assert path.instance(running)["heartbeat_at"] > path.instance(running)["status_at"]
    path.done(running)
    finished = path.instance(running)["finished_at"]
    path.done(running)
    path.report(running, "log_unknown_error", error_message="late")
    assert path.instance(running)["finished_at"] == finished > started


# -- reason codes ----------------------------------------------------------------------------------------------------


def ended(path: Path, one: int, report: str, text: str, code: str) -> tuple[str, str]:
    """Report an error with a reason of the reporter's own."""
    facts = {"error_state": "ERROR", text: "it broke", "reason_code": code}
    facts |= {"worker_id": ME} if report == "log_error_worker_node" else {}
    facts.pop("error_state") if report == "log_no_distributor_id" else None
    assert path.report(one, report, **facts).get_json()["outcome"] == "applied"
    return path.instance(one)["status"], path.instance(one)["reason_code"]


def test_an_error_has_the_word_that_its_reporter_gives_for_it(path: Path, running: int) -> None:
    code = "disk full é"
    assert ended(path, running, "log_error_worker_node", "error_description", code) == ("ERROR", code)
    known = path.run_one()
    assert ended(path, known, "log_known_error", "error_message", "x" * 128) == ("ERROR", "x" * 128)
    (refused,) = path.queue(limit=1)
    path.claim([refused])
    assert ended(path, refused, "log_no_distributor_id", "error_message", "quota")[1] == "quota"
    reply = path.report(
        path.run_one(), "log_known_error", error_state="ERROR", error_message="m", reason_code="x" * 129
    )
    assert reply.get_json()["outcome"] == "applied"
    assert len(path.instance(reply.get_json()["task_instance_id"])["reason_code"]) <= 128


def test_what_the_server_does_by_itself_has_a_word_that_goes_when_its_status_does(path: Path) -> None:
    running = path.bind(task("a")).start().run_one(seconds=0.05)
    path.overdue(running)
    assert (path.instance(running)["status"], path.instance(running)["reason_code"]) == (
        "TRIAGING",
        "deadline_passed",
    )
    path.beat(running)
    assert (path.instance(running)["status"], path.instance(running)["reason_code"]) == ("RUNNING", None)
    path.done(running)
    assert path.instance(running)["reason_code"] is None


def test_what_was_stopped_keeps_that_word_until_its_end(path: Path, running: int) -> None:
    path.act("stop", "a")
    assert path.instance(running)["reason_code"] == "stopped"
    path.error(running, "ERROR_FATAL")
    assert (path.instance(running)["status"], path.instance(running)["reason_code"]) == (
        "ERROR_FATAL",
        "stopped",
    )
    silent = path.run_one(seconds=0.05)
    path.act("stop", "b")
    path.overdue(silent)
    assert (path.instance(silent)["status"], path.instance(silent)["reason_code"]) == (
        "ERROR_FATAL",
        "stopped",
    )


def test_what_was_killed_and_finished_first_has_no_reason(path: Path, running: int) -> None:
    path.act("stop", "a")
    path.done(running)
    assert (path.instance(running)["status"], path.instance(running)["reason_code"]) == ("DONE", None)


def test_what_nobody_had_claimed_is_withdrawn_and_what_starts_too_late_told_to_stop(path: Path) -> None:
    path.bind(task("a"), task("b"), task("c")).start()
    first, second, third = path.queue()
    path.act("pause", "a")
    assert path.instance(first)["reason_code"] == "withdrawn"
    path.claim([second, third])
    path.act("stop", "b")
    path.act("rerun", "c")
    assert path.instance(third)["reason_code"] == "started_afresh"
    assert path.running(second).get_json()["status"] == "ERROR_FATAL"
    assert path.instance(second)["reason_code"] == "told_to_stop"


# -- attributes of an attempt ------------------------------------------------------------------------------------------


def test_attributes_are_noted_by_name_and_each_attempt_keeps_its_own(path: Path, running: int) -> None:
    path.beat(running, attributes={"stage": "fit", "draws": 100})
    path.beat(running, attributes={"stage": "plot", "é": {"a": [1, None, "\ud800"]}})
    assert path.instance(running)["attributes"] == {
        "stage": "plot",
        "draws": 100,
        "é": {"a": [1, None, "\ud800"]},
    }
    path.report(
        running,
        "log_error_worker_node",
        worker_id=ME,
        error_state="ERROR",
        error_description="it broke",
        attributes={"stage": "broken"},
    )
    (again,) = path.queue(limit=1)
    assert path.instance(again)["attributes"] == {}
    path.claim([again])
    path.running(again)
    path.done(again, attributes={"stage": "ended", "ok": False})
    found = [path.instance(one) for one in path.get(f"/task/{path.task_ids['a']}")["task_instance_ids"]]
    assert [(one["attempt"], one["attributes"]["stage"]) for one in found] == [(1, "broken"), (2, "ended")]
    assert found[1]["attributes"] == {"stage": "ended", "ok": False}


def test_attributes_of_a_task_are_other_than_those_of_its_attempts(path: Path) -> None:
    one = path.bind(task("a", attributes={"owner": "me"})).start().run_one()
    path.beat(one, attributes={"owner": "the system"})
    assert path.get(f"/task/{path.task_ids['a']}")["attributes"] == {"owner": "me"}
    assert path.instance(one)["attributes"] == {"owner": "the system"}


def test_a_report_that_does_not_count_notes_nothing(path: Path, running: int) -> None:
    path.done(running, "worker-2", attributes={"a": 1})
    path.done(running)
    path.done(running, attributes={"a": 1})
    assert path.instance(running)["attributes"] == {}


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ([], "attributes"),
        ({"a": None}, "attributes.a"),
        ({"": 1}, "attributes"),
        ({str(number): 1 for number in range(1001)}, "attributes"),
        ({"a": "x" * 65536}, "attributes"),
        ({"a": json.loads("[" * 40 + "]" * 40)}, "attributes"),
    ],
)
def test_attributes_that_cannot_be_are_refused_whole(
    path: Path, running: int, attributes: Any, field: str
) -> None:
    reply = path.beat(running, attributes=attributes)
    assert (reply.status_code, reply.get_json()["error"]["details"][0]["field"]) == (422, field)
    assert path.instance(running)["attributes"] == {}


@pytest.mark.parametrize("name", ["x" * 256, "a\ud800", "a\0"])
def test_a_name_that_cannot_be_kept_is_cleaned_and_costs_nothing_else(
    path: Path, running: int, name: str
) -> None:
    assert path.beat(running, attributes={name: 1, "b": 2}).get_json()["outcome"] == "applied"
    (cleaned, kept) = sorted(path.instance(running)["attributes"].items(), key=lambda one: one[1])
    assert (cleaned[1], len(cleaned[0]) <= 255, kept) == (1, True, ("b", 2))


def test_the_fields_are_in_the_document(client: FlaskClient) -> None:
    schemas: Any = client.get("/api/v1/openapi.json").get_json()["components"]["schemas"]
    beat = schemas["Heartbeat"]["properties"]
    assert beat["metrics"]["additionalProperties"] == {"type": "number"}
    assert {"progress", "attributes", "acknowledged"} <= beat.keys()
    for name in ("WorkerError", "NoDistributorId", "KnownError", "UnknownError"):
        assert schemas[name]["properties"]["reason_code"]["type"] == "string"
