"""The agent: what it starts, what it ends, what it says, and what a missing server changes (nothing)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.client.agents import Driven, gone
from tests.client.scripted_server import ScriptedServer
from tests.support.waiting import eventually

Start = Callable[..., Driven]


def reports_of(server: ScriptedServer, task_instance_id: int) -> list[str]:
    said = server.instances[task_instance_id].reports
    return [report.get("error_state") or report["report"] for report in said]


# -- the cycle of a command ------------------------------------------------------------------------------------


def test_a_command_is_announced_run_and_reported(agent: Start, server: ScriptedServer) -> None:
    done = agent().run("echo out; echo err >&2", distributor_id="here:1:1")
    running = server.instances[1].reports[0]
    assert running["report"] == "log_running"
    assert running["next_report_increment"] == pytest.approx(93)
    assert (running["distributor_id"], running["worker_id"]) == ("here:1:1", done["worker_id"])
    assert Path(running["stdout"]).read_text() == "out\n"
    assert (done["report"], done["stdout_log"], done["stderr_log"]) == ("log_done", "out\n", "err\n")
    assert done["usage"]["wall_seconds"] > 0


def test_a_command_knows_what_it_is(agent: Start) -> None:
    variables = ("TASK_INSTANCE_ID", "TASK_ID", "WORKFLOW_ID", "WORKFLOW_RUN_ID", "TASK_NAME")
    done = agent().run("; ".join(f"echo $JOBMON_{name}" for name in variables))
    assert done["stdout_log"].splitlines() == ["1", "7", "3", "5", "a task/of mine"]


def test_a_failure_says_how_and_quotes_the_end_of_stderr(agent: Start) -> None:
    failed = agent().run("echo reason >&2; exit 3")
    assert (failed["report"], failed["error_state"]) == ("log_error_worker_node", "ERROR")
    assert failed["error_description"] == "the command exited with code 3\nreason"


def test_a_signal_is_named(agent: Start) -> None:
    driven = agent()
    assert "SIGSEGV" in driven.run("kill -SEGV $$")["error_description"]
    assert "the worker did not send it" in driven.run("kill -KILL $$")["error_description"]


def test_a_command_that_cannot_be_started_is_an_error_of_its_own(agent: Start) -> None:
    failed = agent().run("echo a\0b")
    assert failed["error_state"] == "ERROR"
    assert "could not be started" in failed["error_description"]


def test_a_time_limit_is_a_resource(agent: Start) -> None:
    failed = agent().run("sleep 300", time_limit=0.2)
    assert failed["error_state"] == "RESOURCE_ERROR"
    assert "time limit of 0.2 seconds" in failed["error_description"]


def test_many_fast_commands_all_end_and_share_calls(agent: Start, server: ScriptedServer) -> None:
    driven = agent(concurrency=8)
    for number in range(1, 301):
        driven.give(number, "true")
    eventually(lambda: len(driven.ended) == 300, 30)
    assert {one.status for one in server.instances.values()} == {"DONE"}
    assert all(reports_of(server, number) == ["log_running", "log_done"] for number in server.instances)
    assert len(server.calls) < 600


def test_no_more_run_at_once_than_allowed(agent: Start, tmp_path: Path) -> None:
    driven = agent(concurrency=2)
    running, most = tmp_path / "running", tmp_path / "most"
    running.mkdir()
    command = f"touch {running}/$$; ls {running} | wc -l >> {most}; read x < /dev/null; rm {running}/$$"
    for number in range(1, 41):
        driven.give(number, command)
    eventually(lambda: len(driven.ended) == 40, 20)
    assert max(int(line) for line in most.read_text().split()) <= 2


def test_an_item_given_twice_runs_once(agent: Start, server: ScriptedServer) -> None:
    driven = agent()
    for _ in range(2):
        driven.give(1, "true")
    driven.until_ended(1)
    assert reports_of(server, 1) == ["log_running", "log_done"]


# -- who may start ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "then"),
    [
        ({"holder": "another worker"}, "LAUNCHED"),
        ({"status": "KILL_SELF"}, "ERROR_FATAL"),
        ({"status": "NO_HEARTBEAT"}, "ERROR"),
        ({"status": "DONE"}, "DONE"),
    ],
)
def test_a_command_that_may_not_start_never_does(
    agent: Start, server: ScriptedServer, tmp_path: Path, facts: dict[str, str], then: str
) -> None:
    driven = agent()
    server.add(1, **facts)
    driven.give(1, f"touch {tmp_path}/started")
    driven.until_ended(1)
    assert not (tmp_path / "started").exists()
    assert server.instances[1].status == then


def test_an_unknown_instance_is_not_started(agent: Start, tmp_path: Path) -> None:
    driven = agent()
    driven.give(1, f"touch {tmp_path}/started", known=False)
    driven.until_ended(1)
    assert not (tmp_path / "started").exists()


def test_a_lost_reply_to_log_running_starts_the_command_once(
    agent: Start, server: ScriptedServer, tmp_path: Path
) -> None:
    server.lose_replies = 3
    agent().run(f"echo x >> {tmp_path}/started")
    assert (tmp_path / "started").read_text() == "x\n"


# -- the end by order ------------------------------------------------------------------------------------------


def test_a_heartbeat_brings_the_order_to_die_and_it_reaches_the_grandchildren(
    agent: Start, server: ScriptedServer, tmp_path: Path
) -> None:
    driven = agent(heartbeat_interval=0.1)
    driven.give(1, f"sh -c 'sleep 300 & echo $! > {tmp_path}/pid; wait'; true")
    eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    eventually(lambda: server.instances[1].heartbeats >= 2)
    server.instances[1].status = "KILL_SELF"
    driven.until_ended(1)
    assert gone(tmp_path / "pid")
    assert (reports_of(server, 1), server.instances[1].status) == (
        ["log_running", "ERROR_FATAL"],
        "ERROR_FATAL",
    )


def test_who_ignores_the_request_is_killed_after_its_grace(agent: Start, server: ScriptedServer) -> None:
    driven = agent(heartbeat_interval=0.1, kill_grace=0.3)
    files = driven.give(1, "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    eventually(lambda: files.stdout.exists() and files.stdout.read_text() == "ready\n")
    server.instances[1].status = "KILL_SELF"
    driven.until_ended(1)
    assert server.instances[1].status == "ERROR_FATAL"


def test_a_grandchild_has_its_grace_when_the_shell_is_dead(agent: Start, server: ScriptedServer) -> None:
    driven = agent(heartbeat_interval=0.1)
    inner = "trap 'sleep 0.3; echo saved; exit' TERM; echo ready; while :; do sleep 0.02; done"
    files = driven.give(1, f'sh -c "{inner}"; true')
    eventually(lambda: files.stdout.exists() and files.stdout.read_text() == "ready\n")
    server.instances[1].status = "KILL_SELF"
    driven.until_ended(1)
    assert "saved" in files.stdout.read_text()


def test_a_check_learns_of_the_order_at_once(agent: Start, server: ScriptedServer) -> None:
    driven = agent()
    driven.give(1, "sleep 300")
    driven.until_started(1)
    server.instances[1].status = "KILL_SELF"
    driven.agent.check([1])
    driven.until_ended(1)
    assert server.instances[1].status == "ERROR_FATAL"


def test_a_cancelled_command_is_confirmed_dead_when_the_server_wanted_it(
    agent: Start, server: ScriptedServer
) -> None:
    driven = agent()
    driven.give(1, "sleep 300")
    driven.until_started(1)
    server.instances[1].status = "KILL_SELF"
    driven.agent.cancel([1])
    driven.until_ended(1)
    assert (reports_of(server, 1)[1:], server.instances[1].status) == (
        ["ERROR", "ERROR_FATAL"],
        "ERROR_FATAL",
    )


def test_a_cancel_that_the_server_did_not_want_costs_an_attempt_and_not_the_task(
    agent: Start, server: ScriptedServer
) -> None:
    driven = agent()
    driven.give(1, "sleep 300")
    driven.until_started(1)
    driven.agent.cancel([1])
    driven.until_ended(1)
    assert server.instances[1].status == "ERROR"


def test_what_waits_for_a_slot_can_be_cancelled(agent: Start, server: ScriptedServer, tmp_path: Path) -> None:
    driven = agent(concurrency=1)
    driven.give(1, "sleep 300")
    driven.until_started(1)
    driven.give(2, f"touch {tmp_path}/started")
    server.instances[2].status = "KILL_SELF"
    driven.agent.cancel([2])
    driven.until_ended(2)
    assert server.instances[2].status == "ERROR_FATAL"
    assert not (tmp_path / "started").exists()


def test_a_late_done_of_an_instance_to_be_killed_counts(
    agent: Start, server: ScriptedServer, tmp_path: Path
) -> None:
    driven = agent()
    driven.give(1, f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done")
    driven.until_started(1)
    server.instances[1].status = "KILL_SELF"
    (tmp_path / "go").touch()
    driven.until_ended(1)
    assert server.instances[1].status == "DONE"


def test_a_failure_of_an_instance_to_be_killed_is_confirmed(
    agent: Start, server: ScriptedServer, tmp_path: Path
) -> None:
    driven = agent()
    driven.give(1, f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; exit 4")
    driven.until_started(1)
    server.instances[1].status = "KILL_SELF"
    (tmp_path / "go").touch()
    driven.until_ended(1)
    assert (reports_of(server, 1)[1:], server.instances[1].status) == (
        ["ERROR", "ERROR_FATAL"],
        "ERROR_FATAL",
    )


def test_stop_ends_everything_and_says_so(agent: Start, server: ScriptedServer) -> None:
    driven = agent(concurrency=1)
    driven.give(1, "sleep 300")
    driven.give(2, "sleep 300")
    driven.until_started(1)
    driven.agent.stop()
    assert driven.agent.wait(10)
    assert {one.status for one in server.instances.values()} == {"ERROR"}
    assert "before it started" in server.last(2)["error_description"]


def test_finish_ends_the_agent_after_the_last_command(agent: Start, server: ScriptedServer) -> None:
    driven = agent(concurrency=1)
    driven.give(1, "sleep 0.2")
    driven.give(2, "true")
    driven.agent.finish()
    assert driven.agent.wait(10)
    assert {one.status for one in server.instances.values()} == {"DONE"}


def test_a_signal_from_outside_is_the_commands_failure(agent: Start, server: ScriptedServer) -> None:
    driven = agent()
    files = driven.give(1, "echo $$; exec sleep 300")
    eventually(lambda: files.stdout.exists() and files.stdout.read_text().strip())
    os.kill(int(files.stdout.read_text()), signal.SIGTERM)
    driven.until_ended(1)
    assert "SIGTERM" in server.last(1)["error_description"]
