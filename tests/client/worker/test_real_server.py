"""The agent and the worker of one instance against the real server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from jobmon_client import config
from jobmon_client.api.client import Api
from jobmon_client.http import Http
from jobmon_client.worker.agent.agent import Agent
from jobmon_client.worker.process.items import WorkItem
from tests.client.agents import gone
from tests.support.server import LiveServer, environment
from tests.support.waiting import eventually

SOON = 60.0


@pytest.fixture
def api(live_server: LiveServer) -> Iterator[Api]:
    speaking = Api(Http(live_server.url, budget=10))
    yield speaking
    speaking.close()


@pytest.fixture
def agent(live_server: LiveServer, tmp_path: Path) -> Iterator[Agent]:
    flags = {
        "server_url": live_server.url,
        "data_dir": live_server.data_dir,
        "concurrency": 4,
        "heartbeat_interval": 0.2,
        "kill_grace": 5,
        "metrics_interval": 0.3,
    }
    running = Agent(config.load(flags, {"HOME": str(tmp_path)}))
    running.start()
    yield running
    running.stop(patience=5)
    assert running.wait(15)


def launched(api: Api, *commands: str) -> list[Mapping[str, Any]]:
    """Bind, queue, claim and launch the commands; return what the claim says of each, in their order."""
    workflow_id = api.bind_workflow("w")["workflow_id"]
    tasks = [{"name": f"t{number}", "command": command} for number, command in enumerate(commands)]
    api.bind_tasks(workflow_id, tasks)
    api.queue_tasks(api.start_run(workflow_id, next_report_increment=SOON).body["workflow_run_id"])
    found: list[Mapping[str, Any]] = []
    for batch in api.claim("me", "local", len(commands), next_report_increment=SOON).batches:
        steps = {one["array_step_id"]: f"here:{one['task_instance_id']}" for one in batch["task_instances"]}
        api.log_launched(batch["array_id"], batch["batch_num"], steps, next_report_increment=SOON)
        found += batch["task_instances"]
    return found


def items(found: list[Mapping[str, Any]]) -> list[WorkItem]:
    return [WorkItem.from_json({**one, "distributor_id": f"here:{one['task_instance_id']}"}) for one in found]


def test_results_arrive_with_everything_that_was_measured(api: Api, agent: Agent) -> None:
    good, bad = items(launched(api, "echo héé", "echo why >&2; exit 3"))
    agent.submit([good, bad])
    eventually(lambda: api.task_instance(good.task_instance_id)["status"] == "DONE", 20)
    eventually(lambda: api.task_instance(bad.task_instance_id)["status"] == "ERROR", 20)
    done = api.task_instance(good.task_instance_id)
    assert (done["stdout_log"], done["worker_id"]) == ("héé\n", agent.worker_id)
    assert Path(done["stdout"]).read_text() == "héé\n"
    assert done["usage"]["wall_seconds"] > 0
    (entry,) = api.error_log(bad.task_instance_id)
    assert (entry["source"], entry["description"]) == ("worker", "the command exited with code 3\nwhy")


def test_a_stopped_task_is_killed_and_confirmed(api: Api, agent: Agent, tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    (item,) = items(launched(api, f"sleep 300 & echo $! > {marker}; wait"))
    agent.submit([item])
    eventually(lambda: marker.exists() and marker.read_text(), 20)
    api.act("task", item.task_id, "stop")
    eventually(lambda: api.task_instance(item.task_instance_id)["status"] == "ERROR_FATAL", 20)
    assert gone(marker)
    assert api.task(item.task_id)["status"] == "STOPPED"


def listed(api: Api, one: int) -> list[tuple[str, str]]:
    """The commands of an instance: what became of each, and what its worker made of it."""
    return [(command["status"], command["result"]) for command in api.commands(one)["commands"]]


def test_a_worker_obeys_commands_and_says_so(api: Api, agent: Agent) -> None:
    script = "trap 'echo heard' USR1; echo ready; while :; do sleep 0.02; done"
    (item,) = items(launched(api, script))
    one = item.task_instance_id
    agent.submit([item])
    eventually(lambda: api.task_instance(one)["status"] == "RUNNING", 20)
    out = Path(api.task_instance(one)["stdout"])
    eventually(lambda: out.exists() and out.read_text() == "ready\n")
    assert api.send_command(one, "signal", arguments={"signal": "SIGUSR1"}).outcome == "applied"
    eventually(lambda: out.read_text() == "ready\nheard\n", 20)
    api.send_command(one, "set_heartbeat_interval", arguments={"seconds": 120})
    eventually(lambda: api.task_instance(one)["next_report_increment"] == pytest.approx(372), 20)
    api.send_command(one, "set_heartbeat_interval", arguments={"seconds": 0.2})
    agent.check([one])
    eventually(lambda: [status for status, _ in listed(api, one)] == ["ACKNOWLEDGED"] * 3, 20)
    api.send_command(one, "kill")
    eventually(lambda: api.task_instance(one)["status"] == "ERROR", 20)
    assert api.task_instance(one)["reason_code"] == "killed_by_command"
    assert listed(api, one)[0] == ("ACKNOWLEDGED", "SIGUSR1 was sent to its processes")
    assert listed(api, one)[3] == ("ACKNOWLEDGED", "the command is being ended")
    assert api.send_command(one, "kill").outcome == "invalid"


def test_a_worker_measures_what_the_server_allows(api: Api, agent: Agent) -> None:
    (item,) = items(launched(api, 'echo half > "$JOBMON_PROGRESS_FILE"; sleep 300'))
    one = item.task_instance_id
    agent.submit([item])
    eventually(lambda: len(api.metric_values(one, name="rss_bytes")) >= 2, 20)
    found = {row["name"] for row in api.metric_values(one)}
    assert found == set(api.metric_names()["names"])
    assert api.task_instance(one)["metrics"].keys() == found
    eventually(lambda: api.task_instance(one)["progress"] == "half", 20)
    api.send_command(one, "kill")
    eventually(lambda: api.task_instance(one)["status"] == "ERROR", 20)


def test_what_another_worker_holds_is_never_started(api: Api, agent: Agent, tmp_path: Path) -> None:
    taken, free = items(launched(api, f"touch {tmp_path}/started", "true"))
    api.log_running(
        taken.task_instance_id,
        worker_id="another",
        nodename="n",
        process_group_id=1,
        next_report_increment=SOON,
    )
    agent.submit([taken, free])
    eventually(lambda: api.task_instance(free.task_instance_id)["status"] == "DONE", 20)
    assert not (tmp_path / "started").exists()
    assert api.task_instance(taken.task_instance_id)["worker_id"] == "another"


def test_one_instance_is_run_by_a_worker_of_its_own(
    api: Api, live_server: LiveServer, tmp_path: Path
) -> None:
    (one,) = launched(api, "echo alone")
    number = str(one["task_instance_id"])
    options = ["--server-url", live_server.url, "--log-dir", str(tmp_path / "logs")]
    command = [sys.executable, "-m", "jobmon_client.worker", "run", "--task-instance-id", number, *options]
    assert subprocess.run(command, timeout=30, env=environment(), check=False).returncode == 0
    found = api.task_instance(one["task_instance_id"])
    assert (found["status"], found["stdout_log"]) == ("DONE", "alone\n")
