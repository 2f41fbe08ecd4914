"""A server in the calling process, as notebooks and users' own tests have it."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import pytest

from jobmon_client import StillRunning, Workflow, resume, wait
from jobmon_client.api.client import Api
from jobmon_client.errors import JobmonError, Unreachable
from jobmon_client.http import Http
from jobmon_server.serving.inprocess import Server


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("JOBMON_HEARTBEAT_INTERVAL", "1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def two(name: str = "w") -> Workflow:
    workflow = Workflow(name, max_attempts=1)
    first = workflow.task("first", "echo 1 >> ran; test ! -e fail")
    workflow.task("second", "echo 2 >> ran", upstream=[first])
    return workflow


def test_a_workflow_runs_on_it(database_url: str, home: Path) -> None:
    with Server(database_url) as server:
        result = two().run(server_url=server.url, progress=False)
    assert (result.status, result.tasks) == ("DONE", {"DONE": 2})
    assert (home / "ran").read_text() == "1\n2\n"


def test_it_can_be_had_twice_and_leaves_nothing(home: Path) -> None:
    before = threading.active_count()
    server = Server()
    for _ in range(2):
        with server, Api(Http(server.url, budget=5)) as api:
            assert api.workflows()["workflows"] == []
            assert api.bind_workflow("w")["workflow_id"] == 1
    with pytest.raises(Unreachable):
        Api(Http(server.url, budget=0)).health()
    assert threading.active_count() == before
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_two_stand_beside_each_other() -> None:
    with Server() as one, Server() as other:
        assert one.url != other.url
        Api(Http(one.url, budget=5)).bind_workflow("w")
        assert Api(Http(other.url, budget=5)).workflows()["workflows"] == []


def test_a_failing_block_ends_it_too() -> None:
    server = Server()
    with suppress(LookupError), server:
        raise LookupError
    with pytest.raises(Unreachable):
        Api(Http(server.url, budget=0)).health()


def test_its_reaper_acts_on_deadlines(database_url: str) -> None:
    with Server(database_url) as server, Api(Http(server.url, budget=5)) as api:
        workflow = two()
        workflow_id = api.bind_workflow("w")["workflow_id"]
        api.bind_tasks(workflow_id, [task.payload() for task in workflow.definition.tasks])
        api.start_run(workflow_id, next_report_increment=0.2)
        assert wait(workflow_id, server_url=server.url, timeout=20).status == "HALTED"


def test_what_failed_is_resumed(home: Path) -> None:
    (home / "fail").touch()
    with Server() as server:
        workflow = two()
        with pytest.raises(JobmonError, match="has not been run here"):
            workflow.resume()
        assert workflow.run(server_url=server.url, progress=False).status == "FAILED"
        (home / "fail").unlink()
        assert workflow.resume(server_url=server.url, progress=False).tasks == {"DONE": 2}
        with pytest.raises(JobmonError, match="DONE"):
            resume(workflow.workflow_id or 0, hot=True, server_url=server.url, progress=False)


def test_a_run_beside_the_caller_is_waited_for(database_url: str, home: Path) -> None:
    workflow = two()
    workflow.task("held", "while ! test -e go; do sleep 0.05; done")
    with Server(database_url) as server:
        running = workflow.start(server_url=server.url, concurrency=2)
        workflow_id = running.workflow_id
        assert not running.is_over
        with pytest.raises(StillRunning):
            running.wait(0.1)
        with pytest.raises(StillRunning):
            wait(workflow_id, timeout=0.1, server_url=server.url)
        (home / "go").touch()
        assert running.wait(40).tasks == {"DONE": 3}
        assert wait(workflow_id, server_url=server.url).status == "DONE"
    assert running.state["status"] == "DONE"


def test_a_run_beside_the_caller_is_stopped_and_resumed(home: Path) -> None:
    workflow = Workflow("w")
    workflow.task("held", "echo x >> starts; while ! test -e go; do sleep 0.05; done")
    with Server() as server:
        running = workflow.start(server_url=server.url)
        while not (home / "starts").exists():
            assert running.workflow_id == 1
        running.stop()
        stopped = running.wait(40)
        assert (stopped.interrupted, stopped.status) == (True, "HALTED")
        (home / "go").touch()
        assert workflow.resume(server_url=server.url, progress=False).status == "DONE"


def test_what_keeps_it_from_running_is_raised_where_it_is_waited_for() -> None:
    running = two().start(server_url="http://127.0.0.1:1", retry_budget=0)
    with pytest.raises(Unreachable):
        running.wait(40)
    with pytest.raises(Unreachable):
        _ = running.workflow_id
