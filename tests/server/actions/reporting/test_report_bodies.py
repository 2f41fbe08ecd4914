"""Reports that are unknown, malformed, or decided alike for many."""

from __future__ import annotations

from typing import Any

import pytest

from jobmon_server.db.core.transaction import Database
from tests.server.actions.reporting.test_reports import ME_AGAIN
from tests.support.path import ME, RUNNING, Path, task
from tests.support.rows import read_rows
from tests.support.situations import BROKE, LOST, into

REPORT_ROUTES: dict[str, dict[str, Any]] = {
    "log_running": RUNNING | ME_AGAIN,
    "log_report_by": {"next_report_increment": 1, **ME_AGAIN},
    "log_done": ME_AGAIN,
    "log_error_worker_node": {"error_state": "ERROR", **BROKE},
    "log_distributor_id": {"distributor_id": "x", "next_report_increment": 1},
    "log_no_distributor_id": LOST,
    "log_known_error": {"error_state": "ERROR", **LOST},
    "log_unknown_error": LOST,
}


@pytest.mark.parametrize("report", REPORT_ROUTES)
def test_an_unknown_instance_is_404_and_makes_no_row(path: Path, database: Database, report: str) -> None:
    reply = path.report(7, report, **REPORT_ROUTES[report])
    body = reply.get_json()
    assert (reply.status_code, body["outcome"], body["error"]["code"]) == (404, "unknown", "unknown")
    assert (body["status"], body["task_status"], body["report_by"]) == (None, None, None)
    (said,) = path.reports({"task_instance_id": 7, "report": report, **REPORT_ROUTES[report]})["outcomes"]
    assert (said["outcome"], said["status"]) == ("unknown", None)
    assert database.read(read_rows).task_instances == {}


@pytest.mark.parametrize("situation", ["RUNNING"])
@pytest.mark.parametrize("report", REPORT_ROUTES)
def test_what_is_malformed_is_told_before_anything_is_looked_at(
    path: Path, database: Database, situation: str, report: str
) -> None:
    path.bind().start()
    (one,) = into(path, situation)
    was = database.read(read_rows)
    for of in (one, 10**12):
        reply = path.report(of, report, **REPORT_ROUTES[report], typo=1)
        assert (reply.status_code, reply.get_json()["outcome"]) == (422, "malformed")
        assert [detail["field"] for detail in reply.get_json()["error"]["details"]] == ["typo"]
    (said,) = path.reports({"task_instance_id": one, "report": report, **REPORT_ROUTES[report], "typo": 1})[
        "outcomes"
    ]
    assert (said["outcome"], said["position"]) == ("malformed", 0)
    assert database.read(read_rows) == was


def test_what_is_decided_alike_for_many_is_written_down_for_each_with_who_reported_it(path: Path) -> None:
    path.bind(*(task(str(number)) for number in range(25))).start()
    ids = path.queue()
    path.claim(ids)
    start = [
        {"task_instance_id": one, "report": "log_running", **RUNNING, "worker_id": f"w{one}"} for one in ids
    ]
    end = [{"task_instance_id": one, "report": "log_done", "worker_id": "another"} for one in ids]
    assert path.reports(*start, *end)["applied"] == 25
    for one in ids:
        journal = path.get(f"/task_instance/{one}/journal")["journal"][-2:]
        assert [(row["from"], row["to"], row["outcome"], row["reporter_id"]) for row in journal] == [
            ("INSTANTIATED", "RUNNING", "applied", f"w{one}"),
            ("RUNNING", "DONE", "fenced", "another"),
        ]


def test_an_item_that_only_equals_the_one_before_is_judged_by_itself(path: Path) -> None:
    path.bind(*map(task, "abcd")).start()
    ids = path.queue()
    path.claim(ids)
    start = {**RUNNING, "worker_id": ME, "process_group_id": 1}
    bodies = [
        start,
        {**start, "process_group_id": True},
        {**start, "process_group_id": 1.0},
        dict(reversed(start.items())),
    ]
    items = [
        {"task_instance_id": one, "report": "log_running", **body}
        for one, body in zip(ids, bodies, strict=True)
    ]
    said = path.reports(*items)
    assert said["applied"] == 2
    assert [(one["position"], one["outcome"]) for one in said["outcomes"]] == [
        (1, "malformed"),
        (2, "malformed"),
    ]
