"""A distributor that is killed at any line costs nothing: another goes on, and each task is run to one DONE."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from jobmon_client.api.client import Api
from jobmon_client.errors import Refused
from jobmon_client.http import Http
from tests.support.commands import Jobmon
from tests.support.processes import end
from tests.support.server import LiveServer
from tests.support.waiting import eventually

POINTS = ("before the claim", "after the claim", "after the submission", "after the record")
NAMES = ("a", "b", "c")


def done_instances(api: Api, task_id: int) -> int:
    ids = api.task(task_id)["task_instance_ids"]
    return sum(api.task_instance(one)["status"] == "DONE" for one in ids)


def bound(api: Api, command: str) -> tuple[int, int, list[int]]:
    """A workflow with a live run: its id, the run's, the tasks'."""
    workflow_id = api.bind_workflow("w")["workflow_id"]
    tasks = [{"name": name, "command": command.format(name=name), "max_attempts": 5} for name in NAMES]
    task_ids = api.bind_tasks(workflow_id, tasks)["task_ids"]
    run_id = api.start_run(workflow_id, next_report_increment=300).body["workflow_run_id"]
    api.queue_tasks(run_id)
    return workflow_id, run_id, task_ids


@pytest.mark.parametrize("point", POINTS)
def test_it_may_be_killed_at_any_line(live_server: LiveServer, tmp_path: Path, point: str) -> None:
    jobmon = Jobmon(tmp_path, live_server.database_url, {"JOBMON_HEARTBEAT_INTERVAL": "0.5"})
    with Api(Http(live_server.url, budget=10)) as api:
        workflow_id, run_id, task_ids = bound(api, "echo {name} >> ran")
        command = [sys.executable, "-m", "tests.support.dying.distributor"]
        dying = subprocess.run(
            [*command, live_server.url, str(tmp_path), point],
            env=jobmon.environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
            cwd=tmp_path,
            timeout=50,
            check=False,
            capture_output=True,
        )
        assert dying.returncode == -signal.SIGKILL, dying.stderr
        service = jobmon.start("distributor", "--cluster", "local", "--server", live_server.url)
        try:

            def is_done() -> bool:
                """Look, and queue what came back from an attempt that was lost."""
                if api.workflow(workflow_id)["status"] == "DONE":
                    return True
                with suppress(Refused):  # it ended since
                    api.queue_tasks(run_id)
                return False

            eventually(is_done, 50)
        finally:
            end(service, timeout=30)  # type: ignore[arg-type]
            service.communicate()
        assert [done_instances(api, one) for one in task_ids] == [1, 1, 1]
    assert set((tmp_path / "ran").read_text().split()) == set(NAMES)


def test_two_at_once_share_the_work_and_run_nothing_twice(live_server: LiveServer, tmp_path: Path) -> None:
    jobmon = Jobmon(tmp_path, live_server.database_url)
    with Api(Http(live_server.url, budget=10)) as api:
        services = [
            jobmon.start("distributor", "--cluster", "local", "--server", live_server.url) for _ in range(2)
        ]
        try:
            runs = [bound(api, "echo {name} >> ran") for _ in range(4)]
            for workflow_id, _, _ in runs:
                eventually(lambda one=workflow_id: api.workflow(one)["status"] == "DONE", 50)  # type: ignore[misc]
        finally:
            for service in services:
                end(service, timeout=30)  # type: ignore[arg-type]
                service.communicate()
        tasks = [one for _, _, task_ids in runs for one in task_ids]
        assert [api.task(one)["num_attempts"] for one in tasks] == [1] * len(tasks)
    assert sorted((tmp_path / "ran").read_text().split()) == sorted(NAMES * 4)
