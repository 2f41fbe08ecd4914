"""Who owned the run is dead: the workflow is resumed at once, cold or hot, and nothing has to be unlocked."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from tests.support.commands import Jobmon
from tests.support.waiting import eventually

# Whoever gets to `go` first has run once more than was recorded: each start leaves a line.
WAITING = "echo $$ >> starts; while ! test -e go; do sleep 0.05; done"


def killed_in_the_middle(jobmon: Jobmon) -> None:
    """Workflow 1: one command runs, another waits for it, and who drove them is dead."""
    jobmon.settings |= {"JOBMON_HEARTBEAT_INTERVAL": "1"}
    tasks = [
        {"name": "long", "command": WAITING},
        {"name": "last", "command": "echo last >> ran", "upstream": ["long"]},
    ]
    file = jobmon.home / "file.json"
    file.write_text(json.dumps({"name": "resumed", "tasks": tasks}))
    process = jobmon.start("run", file)
    eventually((jobmon.home / "starts").exists, 30)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    eventually(lambda: jobmon.json("status", 1)["status"] == "HALTED", 30)


def starts(home: Path) -> int:
    return len((home / "starts").read_text().split())


def test_a_hot_resume_lets_what_runs_finish_and_counts_it(jobmon: Jobmon) -> None:
    killed_in_the_middle(jobmon)
    process = jobmon.start("resume", 1, "--hot", "--json")
    eventually(lambda: jobmon.json("status", 1)["status"] == "RUNNING", 30)
    (jobmon.home / "go").touch()
    stdout, stderr = process.communicate(timeout=50)
    assert process.returncode == 0, stderr
    assert json.loads(stdout)["tasks"] == {"DONE": 2}
    assert starts(jobmon.home) == 1


def test_a_cold_resume_kills_what_runs_and_runs_it_again(jobmon: Jobmon) -> None:
    killed_in_the_middle(jobmon)
    first = int((jobmon.home / "starts").read_text())
    process = jobmon.start("resume", 1, "--json")
    eventually(lambda: starts(jobmon.home) == 2, 45)
    assert not Path(f"/proc/{first}").exists()
    (jobmon.home / "go").touch()
    stdout, stderr = process.communicate(timeout=50)
    assert process.returncode == 0, stderr
    assert json.loads(stdout)["tasks"] == {"DONE": 2}
    instances = [one for one in jobmon.json("tasks", 1)["tasks"] if one["name"] == "long"]
    assert (instances[0]["status"], instances[0]["num_attempts"]) == ("DONE", 1)


def test_a_dead_owner_on_this_machine_is_not_waited_for(jobmon: Jobmon) -> None:
    # The run's deadline is far away: nobody would act on it within this test.
    jobmon.settings |= {"JOBMON_REPORT_BY_FACTOR": "100"}
    file = jobmon.home / "file.json"
    file.write_text(json.dumps({"name": "resumed", "tasks": [{"name": "long", "command": WAITING}]}))
    process = jobmon.start("run", file)
    eventually((jobmon.home / "starts").exists, 30)
    assert "alive until" in jobmon("resume", 1, "--hot").stderr
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    resumed = jobmon.start("resume", 1, "--hot", "--json")
    # Not before the run was taken over: the command is not killed with its run's owner, and would end the workflow.
    eventually(lambda: jobmon.json("status", 1)["workflow_run_id"] == 2, 60)
    (jobmon.home / "go").touch()
    told, said = resumed.communicate(timeout=50)
    assert (resumed.returncode, json.loads(told or "{}").get("tasks")) == (0, {"DONE": 1}), said
    assert starts(jobmon.home) == 1


def test_of_two_resumes_at_once_one_wins_and_the_other_is_told(jobmon: Jobmon) -> None:
    killed_in_the_middle(jobmon)
    both = [jobmon.start("resume", 1, "--hot", "--json") for _ in range(2)]
    eventually(lambda: sum(one.poll() is not None for one in both) == 1, 45)
    (loser,) = (one for one in both if one.poll() is not None)
    (winner,) = (one for one in both if one is not loser)
    (jobmon.home / "go").touch()
    assert winner.wait(50) == 0
    _, said = loser.communicate()
    assert loser.returncode == 1
    assert "alive until" in said


def test_what_is_done_is_not_resumed(sqlite_jobmon: Jobmon) -> None:
    file = sqlite_jobmon.home / "file.json"
    file.write_text(json.dumps({"name": "w", "tasks": [{"name": "a", "command": "true"}]}))
    assert sqlite_jobmon.json("run", file)["status"] == "DONE"
    for how in ("--hot", "--cold"):
        ended = sqlite_jobmon("resume", 1, how)
        assert (ended.returncode, "The workflow is DONE" in ended.stderr) == (1, True)
    assert sqlite_jobmon("resume", 77).returncode == 2
