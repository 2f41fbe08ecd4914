"""The query language by the methods of the client, against the real server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from jobmon_client.api.client import Api
from jobmon_client.api.search import spelled
from jobmon_client.errors import Malformed, Unreachable
from jobmon_client.http import Http
from jobmon_client.states import TaskStatus
from tests.support.server import LiveServer


@pytest.fixture
def api(live_server: LiveServer) -> Iterator[Api]:
    """Two workflows; the second has 1,100 tasks."""
    with Api(Http(live_server.url, budget=10)) as speaking:
        speaking.bind_workflow("other")
        workflow_id = speaking.bind_workflow("many", attributes={"study": "a"})["workflow_id"]
        tasks = [{"name": f"t{number:04}", "command": f"echo {number}"} for number in range(1100)]
        tasks[7]["attributes"] = {"k": "v"}  # type: ignore[assignment]
        speaking.bind_tasks(workflow_id, tasks)
        yield speaking


def test_rows_come_up_to_a_limit_or_all_of_them_page_after_page(api: Api) -> None:
    assert [row["name"] for row in api.find_workflows()] == ["many", "other"]
    assert [row["name"] for row in api.find_tasks(limit=3, sort=["name"])] == ["t0000", "t0001", "t0002"]
    assert len(list(api.find_tasks())) == 50
    everything = list(api.find_tasks(limit=0, sort=["-name"], fields=["name"]))
    assert everything == [{"name": f"t{number:04}"} for number in reversed(range(1100))]
    assert len(list(api.find_tasks(limit=1050))) == 1050
    assert list(api.find_task_instances(limit=0)) == []


def test_filters_are_keywords_and_an_empty_list_selects_nothing(api: Api) -> None:
    assert [row["name"] for row in api.find_tasks(attributes={"k": "v"})] == ["t0007"]
    assert api.count("task", name="t00*", status=["REGISTERING", "DONE"]) == 100
    assert api.count("task", status=[]) == 0
    assert list(api.stream("task", task_id=set())) == []
    assert api.count("workflow", created_after=datetime(2020, 1, 1), created_before=datetime(2099, 1, 1)) == 2  # noqa: DTZ001
    conditions = [{"field": "name", "operator": "regex", "value": "^t000[12]$"}]
    assert api.count("task", search=conditions) == 2
    with pytest.raises(Malformed, match="not both"):
        api.count("task", search=conditions, name="t")


def test_counts_summaries_pages_and_streams(api: Api) -> None:
    assert api.summary("task", ["status"]) == [{"status": "REGISTERING", "count": 1100}]
    page = api.page("task", limit=5, page=2, sort=["name"])
    assert (page["tasks"][0]["name"], page["total"]) == ("t0005", 1100)
    assert len(list(api.stream("task"))) == 1100
    assert list(api.stream("workflow", sort=["name"], fields=["name"])) == [
        {"name": "many"},
        {"name": "other"},
    ]
    with pytest.raises(Malformed):
        list(api.stream("task", unheard_of=1))


def test_one_thing_or_none(api: Api) -> None:
    first = next(api.find_tasks(limit=1, sort=["name"]))["task_id"]
    assert api.get_status(first) is TaskStatus.REGISTERING
    assert api.get_status(99_999) == "NOT_FOUND"
    assert (api.task_or_none(first) or {})["name"] == "t0000"
    assert api.task_or_none(99_999) is None
    assert api.workflow_of(task_id=first)["name"] == "many"
    assert api.task_instance_of(task_id=first) is None
    assert api.task_instance_of(distributor_id="77") is None
    assert api.commands_of([first, 99_999]) == ({first: "echo 0"}, [99_999])


def test_a_time_without_a_zone_is_the_callers_and_goes_out_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Etc/GMT-3")
    time.tzset()
    try:
        assert spelled(datetime(2026, 1, 1, 2, 30)) == "2025-12-31T23:30:00.000000Z"  # noqa: DTZ001
    finally:
        monkeypatch.undo()
        time.tzset()
    assert spelled(datetime(2026, 1, 1, 2, tzinfo=UTC)) == "2026-01-01T02:00:00.000000Z"
    assert (
        spelled(datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=-1))))
        == "2026-01-01T03:00:00.000000Z"
    )


class Broken(BaseHTTPRequestHandler):
    """Promises more than it sends."""

    def do_POST(self) -> None:  # the name is the library's
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b'{"task_id":1}\n')

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_stream_that_breaks_off_is_no_end_of_it() -> None:
    with HTTPServer(("127.0.0.1", 0), Broken) as broken:
        serving = Thread(target=broken.handle_request)
        serving.start()
        with Api(Http(f"http://127.0.0.1:{broken.server_port}")) as speaking, pytest.raises(Unreachable):
            list(speaking.stream("task"))
        serving.join()
