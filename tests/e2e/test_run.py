from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from jobmon_client import config
from jobmon_client.access.credentials import Credentials
from jobmon_client.api.client import Api
from jobmon_client.http import Http
from jobmon_client.running.embedded import EmbeddedServer
from tests.support.commands import Jobmon
from tests.support.waiting import eventually

RUNTIMES = {"root": 0.2, "left": 0.3, "right": 0.1, "far": 0.0, "join": 0.1, "alone": 0.2}
PARENTS = {
    "root": [],
    "left": ["root"],
    "right": ["root"],
    "far": ["right"],
    "join": ["left", "far"],
    "alone": [],
}


def trace() -> dict[str, Any]:
    children = {name: [other for other in PARENTS if name in PARENTS[other]] for name in PARENTS}
    specified = [
        {"id": name, "name": name, "parents": PARENTS[name], "children": children[name]} for name in PARENTS
    ]
    executed = [{"id": name, "runtimeInSeconds": seconds} for name, seconds in RUNTIMES.items()]
    return {
        "name": "small",
        "schemaVersion": "1.5",
        "workflow": {"specification": {"tasks": specified}, "execution": {"tasks": executed}},
    }


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


def settings(jobmon: Jobmon) -> config.Settings:
    return config.load({"database_url": jobmon.database_url, "data_dir": jobmon.home / "jobmon"}, {})


def test_a_trace_runs_in_the_order_of_its_dependencies(jobmon: Jobmon) -> None:
    result = jobmon.json("run", write(jobmon.home / "trace.json", trace()), "--time-scale", "0.5")
    assert result["status"] == "DONE"
    assert result["tasks"] == {"DONE": len(PARENTS)}
    assert set(result) == {"workflow_id", "status", "tasks", "seconds"}
    own = settings(jobmon)
    with EmbeddedServer(own) as server:
        api = Api(Http(server.url, budget=10, credentials=Credentials(data_dir=own.data_dir)))
        journals = {
            task["name"]: {row["to"]: row["time"] for row in api.journal(task["task_instance_id"])}
            for task in api.workflow_tasks(result["workflow_id"])["tasks"]
        }
        api.close()
    assert set(journals) == set(PARENTS)
    for name, parents in PARENTS.items():
        for parent in parents:
            assert journals[parent]["DONE"] < journals[name]["RUNNING"], (parent, name)


def test_a_failing_command_is_retried_and_stops_what_depends_on_it(jobmon: Jobmon) -> None:
    tasks = [
        {"name": "bad", "command": "echo tried >> tries; echo 'oh: 12 %' >&2; exit 3", "max_attempts": 3},
        {"name": "after", "command": "touch never", "upstream": ["bad"]},
        {"name": "good", "command": "echo fine"},
        {"name": "later", "command": "echo later", "upstream": ["good"]},
    ]
    ended = jobmon("run", write(jobmon.home / "file.json", {"name": "failing", "tasks": tasks}))
    assert ended.returncode == 1, ended.stderr
    assert "failed: bad: oh: 12 %" in ended.stdout
    assert "jobmon errors 1" in ended.stdout
    assert "jobmon resume 1" in ended.stdout
    assert (jobmon.home / "tries").read_text() == "tried\n" * 3
    assert not (jobmon.home / "never").exists()
    assert jobmon.json("status", 1)["tasks"] == {"DONE": 2, "ERROR_FATAL": 1, "REGISTERING": 1}
    errors = jobmon.json("errors", 1)["errors"]
    assert [(one["name"], one["attempt"], one["status"]) for one in errors] == [
        ("bad", n, "ERROR") for n in (1, 2, 3)
    ]
    assert {one["stderr_log"] for one in errors} == {"oh: 12 %\n"}
    shown = jobmon("errors", 1).stdout
    assert shown.count("oh: 12 %") == 3
    assert "bad: attempt 3" in shown


def test_resume_runs_what_is_left(sqlite_jobmon: Jobmon) -> None:
    jobmon = sqlite_jobmon
    tasks = [
        {"name": "first", "command": "echo x >> firsts"},
        {"name": "second", "command": "test -e ready", "upstream": ["first"], "max_attempts": 1},
    ]
    file = write(jobmon.home / "file.json", {"name": "two", "tasks": tasks})
    assert jobmon.json("run", file, code=1)["tasks"] == {"DONE": 1, "ERROR_FATAL": 1}
    (jobmon.home / "ready").touch()
    assert jobmon.json("resume", 1)["tasks"] == {"DONE": 2}
    assert (jobmon.home / "firsts").read_text() == "x\n"


def running_commands(mark: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_ctrl_c_leaves_nothing_behind(jobmon: Jobmon) -> None:
    tasks = [
        {
            "name": "family",
            "command": "export MARK_OF_TEST=here; (sleep 600 & sleep 600) & touch started1; sleep 600",
        },
        {
            "name": "stubborn",
            "command": "export MARK_OF_TEST=here; trap '' TERM; touch started2; while :; do sleep 1; done",
        },
        {"name": "after", "command": "touch never", "upstream": ["family"]},
    ]
    jobmon.settings["JOBMON_KILL_GRACE"] = "1"
    process = jobmon.start(
        "run", write(jobmon.home / "file.json", {"name": "long", "tasks": tasks}), "--concurrency", 2
    )
    eventually(lambda: all((jobmon.home / f"started{n}").exists() for n in (1, 2)), 30)
    mark = f"XDG_DATA_HOME={jobmon.home}\0"
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 1, stderr
    assert "jobmon resume 1" in stderr
    assert "HALTED" in stdout
    jobmon.wait_for_end_of_server()
    eventually(lambda: not running_commands(mark), 5, what="no process of the run is left")
    listed = jobmon.json("tasks", 1)["tasks"]
    assert {task["status"] for task in listed} == {"REGISTERING"}
    assert {task["task_instance_status"] for task in listed} == {"ERROR_FATAL", None}


def test_a_lost_server_is_started_again(sqlite_jobmon: Jobmon) -> None:
    jobmon = sqlite_jobmon
    tasks = [
        {"name": "slow", "command": "touch started; while ! test -e go; do sleep 0.05; done"},
        {"name": "after", "command": "echo after", "upstream": ["slow"]},
    ]
    process = jobmon.start(
        "run", write(jobmon.home / "file.json", {"name": "lost", "tasks": tasks}), "--json"
    )
    eventually((jobmon.home / "started").exists, 30)
    os.killpg(os.getsid(json.loads(jobmon.place.file("server").read_text())["pid"]), signal.SIGKILL)
    (jobmon.home / "go").touch()
    stdout, stderr = process.communicate(timeout=45)
    assert process.returncode == 0, stderr
    assert json.loads(stdout)["tasks"] == {"DONE": 2}
    assert [row["attempt"] for row in jobmon.json("errors", 1)["errors"]] == []


@pytest.mark.parametrize("cluster", ["dummy", "sequential"])
def test_other_clusters(sqlite_jobmon: Jobmon, cluster: str) -> None:
    tasks = [
        {
            "name": str(n),
            "command": f"test ! -e busy && touch busy && sleep 0.05 && rm busy; echo {n} >> order",
        }
        for n in range(5)
    ]
    file = write(sqlite_jobmon.home / "file.json", {"name": cluster, "tasks": tasks})
    assert sqlite_jobmon.json("run", file, "--cluster", cluster, "--concurrency", 4)["tasks"] == {"DONE": 5}
    written = sqlite_jobmon.home / "order"
    assert (written.read_text().split() if written.exists() else []) == (
        [] if cluster == "dummy" else list("01234")
    )


def test_two_commands_share_one_server(sqlite_jobmon: Jobmon) -> None:
    jobmon = sqlite_jobmon
    files = [
        write(jobmon.home / f"{n}.json", {"name": f"n{n}", "tasks": [{"name": "a", "command": "sleep 0.2"}]})
        for n in range(3)
    ]
    started = [jobmon.start("run", file, "--json") for file in files]
    ended = [process.communicate(timeout=45) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], ended
    assert {json.loads(stdout)["workflow_id"] for stdout, _ in ended} == {1, 2, 3}
    assert jobmon.place.log.read_text().count("listening on") == 1


def test_exit_codes(sqlite_jobmon: Jobmon) -> None:
    jobmon = sqlite_jobmon
    (jobmon.home / "bad.yaml").write_text("name: x\ntasks:\n  - {name: a, comand: b}\n")
    cases: list[tuple[Any, ...]] = [
        (2, "comand", "run", "bad.yaml"),
        (2, "nowhere.yaml", "run", "nowhere.yaml"),
        (2, "allowed", "run", write(jobmon.home / "t.json", trace() | {"schemaVersion": "1.3"})),
        (2, "no cluster 'moon'", "run", write(jobmon.home / "ok.json", trace()), "--cluster", "moon"),
        (2, "workflow", "status", 77),
        (3, "127.0.0.1:1", "status", "--server", "http://127.0.0.1:1"),
    ]
    for code, said, *arguments in cases:
        ended = jobmon(*arguments)
        assert ended.returncode == code, (arguments, ended.stdout, ended.stderr)
        assert said in ended.stderr, (arguments, ended.stderr)
        assert "Traceback" not in ended.stderr
        assert ended.stdout == ""


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_demo(sqlite_jobmon: Jobmon) -> None:
    kept = sqlite_jobmon.home / "kept"
    ended = sqlite_jobmon("demo", "--keep", kept, timeout=110)
    assert ended.returncode == 0, ended.stderr
    page = (kept / "report.html").read_text()
    assert "asyncio" in page
    assert f"Report: {kept / 'report.html'}" in ended.stdout
    measured = json.loads((kept / "work" / "measure-json.decoder.json").read_text())
    source = Path(json.__file__).with_name("decoder.py").read_bytes()
    assert (measured["lines"], measured["classes"]) == (len(source.splitlines()), 2)
    counts = sqlite_jobmon.json("status", 1)["tasks"]
    assert set(counts) == {"DONE"}
    assert 150 <= counts["DONE"] <= 400
