"""Who dies in the middle of a run: its owner, or the server; and the distributor as a service of its own."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from jobmon_client.api.client import Api
from jobmon_client.http import Http
from jobmon_server.actions.reporting.deadlines import reap
from jobmon_server.db.core.transaction import Database
from tests.support.commands import Jobmon
from tests.support.processes import end
from tests.support.server import LiveServer, serve, start
from tests.support.waiting import eventually

WAITING = "echo {name} >> ran; touch started-{name}; while ! test -e go; do sleep 0.05; done"


def write(path: Path, *names: str) -> Path:
    tasks: list[dict[str, object]] = [{"name": name, "command": WAITING.format(name=name)} for name in names]
    tasks.append({"name": "last", "command": "echo last >> ran", "upstream": list(names)})
    path.write_text(json.dumps({"name": "losses", "tasks": tasks}))
    return path


def test_the_owner_is_killed(jobmon: Jobmon) -> None:
    jobmon.settings |= {"JOBMON_HEARTBEAT_INTERVAL": "0.5"}
    process = jobmon.start("run", write(jobmon.home / "file.json", "a", "b"), "--concurrency", 2)
    eventually(lambda: all((jobmon.home / f"started-{name}").exists() for name in "ab"), 30)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (jobmon.home / "go").touch()
    # The agent outlives its parent and keeps the server in use, until what it had in hand is reported.
    eventually(lambda: jobmon.json("status", 1)["tasks"].get("DONE") == 2, 20)
    eventually(lambda: jobmon.json("status", 1)["status"] == "HALTED", 20)
    assert jobmon.json("resume", 1)["tasks"] == {"DONE": 3}
    assert sorted((jobmon.home / "ran").read_text().split()) == ["a", "b", "last"]


def test_a_named_server_is_lost_and_comes_back(
    database_url: str, sqlite_jobmon: Jobmon, tmp_path: Path
) -> None:
    server = start(database_url, tmp_path)
    port = int(server.url.rpartition(":")[2])
    try:
        process = sqlite_jobmon.start(
            "run", write(tmp_path / "file.json", "a"), "--server", server.url, "--json"
        )
        eventually((tmp_path / "started-a").exists, 30)
    finally:
        server.kill()
    (tmp_path / "go").touch()
    with serve(database_url, tmp_path, port=port):
        stdout, stderr = process.communicate(timeout=40)
    assert process.returncode == 0, stderr
    assert json.loads(stdout)["tasks"] == {"DONE": 2}
    assert (tmp_path / "ran").read_text().split() == ["a", "last"]


def test_an_owner_that_was_taken_for_dead_goes_on(
    database_url: str, sqlite_jobmon: Jobmon, tmp_path: Path
) -> None:
    sqlite_jobmon.settings |= {"JOBMON_HEARTBEAT_INTERVAL": "2"}
    server = start(database_url, tmp_path)
    port = int(server.url.rpartition(":")[2])
    try:
        file = write(tmp_path / "file.json", "a")
        process = sqlite_jobmon.start("run", file, "--server", server.url, "--json")
        eventually((tmp_path / "started-a").exists, 30)
    finally:
        server.kill()
    database = Database.connect(database_url)
    try:
        eventually(lambda: reap(database).workflow_runs == 1, 20)
    finally:
        database.dispose()
    (tmp_path / "go").touch()
    with serve(database_url, tmp_path, port=port):
        stdout, stderr = process.communicate(timeout=40)
    assert process.returncode == 0, stderr
    assert json.loads(stdout)["tasks"] == {"DONE": 2}
    assert (tmp_path / "ran").read_text().split() == ["a", "last"]


def test_a_distributor_as_a_service(live_server: LiveServer, sqlite_jobmon: Jobmon, tmp_path: Path) -> None:
    api = Api(Http(live_server.url, budget=10))
    service = sqlite_jobmon.start("distributor", "--cluster", "local", "--server", live_server.url)
    try:
        for _ in range(2):
            workflow_id = api.bind_workflow("w")["workflow_id"]
            api.bind_tasks(workflow_id, [{"name": "a", "command": "echo a >> ran"}])
            run_id = api.start_run(workflow_id, next_report_increment=60).body["workflow_run_id"]
            api.queue_tasks(run_id)
            eventually(lambda one=workflow_id: api.workflow(one)["tasks"] == {"DONE": 1}, 20)  # type: ignore[misc]
    finally:
        code = end(service, timeout=20)  # type: ignore[arg-type]
        said = service.communicate()
        api.close()
    assert code == 0, said
    assert "serving cluster local" in said[1]
    assert (tmp_path / "ran").read_text() == "a\na\n"
