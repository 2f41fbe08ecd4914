"""What the server's commands make a worker do: kill, signal, speak more often; each once, and acknowledged until it is heard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from jobmon_client.config import LONGEST_INCREMENT, Settings
from jobmon_client.worker.reporting.pace import Pace
from tests.client.agents import Driven, gone
from tests.client.scripted_server import ScriptedServer
from tests.support.waiting import eventually

Start = Callable[..., Driven]
OFTEN = 0.05


def results(server: ScriptedServer, one: int = 1) -> dict[int, str]:
    """What the worker says that it made of each command."""
    return {given["command_id"]: given["result"] for given in server.instances[one].acknowledged}


def last_beat(server: ScriptedServer) -> float:
    """What the last heartbeat of all promised."""
    beats = [body for _, path, body in server.calls if path.endswith("log_report_by/batch")]
    return float(beats[-1]["next_report_increment"])


def test_a_kill_reaches_the_grandchildren_and_the_end_says_whose_it_was(
    agent: Start, server: ScriptedServer, tmp_path: Path
) -> None:
    driven = agent(heartbeat_interval=OFTEN)
    driven.give(1, f"sh -c 'sleep 300 & echo $! > {tmp_path}/pid; wait'; true")
    eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    server.instances[1].tell(7, "kill")
    driven.until_ended(1)
    assert gone(tmp_path / "pid")
    end = server.last(1)
    assert (end["error_state"], end["reason_code"]) == ("ERROR", "killed_by_command")
    assert end["error_description"].startswith("the command was ended by a kill command")
    assert results(server) == {7: "the command is being ended"}


def test_a_command_that_is_told_again_is_done_once_and_acknowledged_again(
    agent: Start, server: ScriptedServer
) -> None:
    driven = agent(heartbeat_interval=OFTEN)
    files = driven.give(1, "trap 'echo heard' USR1; echo ready; while :; do sleep 0.02; done")
    eventually(lambda: files.stdout.exists() and files.stdout.read_text() == "ready\n")
    instance = server.instances[1]
    instance.takes_acknowledgements = False
    instance.tell(7, "signal", signal="SIGUSR1")
    eventually(lambda: Counter(one["command_id"] for one in instance.acknowledged)[7] >= 3)
    instance.takes_acknowledgements = True
    eventually(lambda: instance.commands == [])
    instance.tell(8, "kill")
    driven.until_ended(1)
    assert files.stdout.read_text() == "ready\nheard\n"
    assert results(server)[7] == "SIGUSR1 was sent to its processes"


def test_a_signal_that_ends_a_command_is_its_end(agent: Start, server: ScriptedServer) -> None:
    driven = agent(heartbeat_interval=OFTEN)
    driven.give(1, "exec sleep 300")
    driven.until_started(1)
    server.instances[1].tell(7, "signal", signal="SIGUSR2")
    driven.until_ended(1)
    assert "SIGUSR2" in server.last(1)["error_description"]
    assert "reason_code" not in server.last(1)


def test_what_is_not_understood_is_acknowledged_as_not_done(agent: Start, server: ScriptedServer) -> None:
    driven = agent(heartbeat_interval=OFTEN)
    driven.give(1, "sleep 300")
    driven.until_started(1)
    instance = server.instances[1]
    instance.tell(1, "dance")
    instance.tell(2, "signal", signal="SIGKILL")
    instance.tell(3, "set_heartbeat_interval")
    eventually(lambda: len(results(server)) == 3)
    assert all(said.startswith("not done: ") for said in results(server).values())
    assert "kill, set_heartbeat_interval, signal" in results(server)[1]
    instance.tell(4, "kill")
    driven.until_ended(1)


def test_what_is_killed_before_it_starts_never_starts(
    agent: Start, server: ScriptedServer, tmp_path: Path
) -> None:
    driven = agent()
    server.add(1).tell(7, "kill")
    driven.give(1, f"touch {tmp_path}/started")
    driven.until_ended(1)
    assert not (tmp_path / "started").exists()
    assert (server.last(1)["error_state"], server.last(1)["reason_code"]) == ("ERROR", "killed_by_command")
    assert list(results(server)) == [7]


def test_a_command_that_comes_with_leave_to_start_is_done_after_it(
    agent: Start, server: ScriptedServer
) -> None:
    driven = agent()
    server.add(1).tell(7, "signal", signal="SIGTERM")
    driven.give(1, "sleep 300")
    driven.until_ended(1)
    assert "SIGTERM" in server.last(1)["error_description"]


def test_a_worker_speaks_as_often_as_it_is_asked_to(agent: Start, server: ScriptedServer) -> None:
    driven = agent(heartbeat_interval=60, report_by_factor=3)
    server.add(1).tell(7, "set_heartbeat_interval", seconds=OFTEN)
    driven.give(1, "sleep 300")
    eventually(lambda: server.instances[1].heartbeats >= 3)
    assert last_beat(server) == pytest.approx(3 * OFTEN)
    server.instances[1].tell(8, "set_heartbeat_interval", seconds=600)
    eventually(lambda: 8 in results(server))
    promised = [one["next_report_increment"] for one in server.instances[1].signs]
    assert {round(one, 2) for one in promised} == {0.15, 1800}
    assert promised == sorted(promised)
    # And at once by the heartbeat of all, which was due in a twentieth of a second by the last promise.
    eventually(lambda: last_beat(server) == pytest.approx(1800))


def test_the_most_eager_of_many_sets_the_pace_and_when_it_is_gone_the_next() -> None:
    pace = Pace(Settings(heartbeat_interval=30, report_by_factor=3))
    pace.follow({1, 2})
    assert (pace.interval, pace.increment, pace.changed.is_set()) == (30, 90, False)
    pace.ask(1, 5, {1, 2})
    assert (pace.interval, pace.changed.is_set()) == (5, True)
    pace.ask(2, 600, {1, 2})
    assert pace.interval == 5
    pace.follow({2})
    assert pace.interval == 600
    pace.follow({2, 3})
    assert pace.interval == 30
    pace.ask(3, LONGEST_INCREMENT, {3})
    assert pace.increment == LONGEST_INCREMENT
    pace.follow(())
    assert pace.interval == 30


# -- what is measured ------------------------------------------------------------------------------------------------


def measured(server: ScriptedServer) -> list[dict[str, float]]:
    """The metrics that came."""
    return [one["metrics"] for one in server.instances[1].signs if "metrics" in one]


def test_what_a_command_and_its_children_use_is_measured_while_it_runs(
    agent: Start, server: ScriptedServer
) -> None:
    driven = agent(metrics_interval=0.2)
    driven.give(1, "sh -c 'while :; do :; done' & sleep 300")
    eventually(lambda: measured(server) and measured(server)[-1]["cpu_seconds"] > 0)
    found = measured(server)[-1]
    assert found.keys() == {
        "load",
        "rss_bytes",
        "vsize_bytes",
        "disk_free_bytes",
        "cpu_seconds",
        "wall_seconds",
    }
    assert 0 < found["rss_bytes"] < found["vsize_bytes"]
    assert found["wall_seconds"] >= 0.2
    server.instances[1].tell(7, "kill")
    driven.agent.check([1])
    driven.until_ended(1)


def test_a_metric_that_the_server_does_not_take_is_left_out_from_then_on(
    agent: Start, server: ScriptedServer
) -> None:
    server.refused_fields = {"metrics.load", "metrics.disk_free_bytes"}
    driven = agent(metrics_interval=0.1)
    driven.give(1, "sleep 300")
    eventually(lambda: len(measured(server)) >= 2)
    assert measured(server)[0].keys() == {"rss_bytes", "vsize_bytes", "cpu_seconds", "wall_seconds"}


def test_nothing_is_measured_that_is_over_sooner_or_where_it_is_turned_off(
    agent: Start, server: ScriptedServer
) -> None:
    assert agent().run("true")["report"] == "log_done"
    driven = agent(metrics_interval=0, heartbeat_interval=OFTEN)
    driven.give(2, "sleep 300")
    eventually(lambda: server.instances[2].heartbeats >= 5)
    assert [server.instances[one].signs for one in (1, 2)] == [[], []]


def test_what_a_command_writes_of_its_progress_is_told_when_it_changes(
    agent: Start, server: ScriptedServer
) -> None:
    driven = agent(metrics_interval=0.1)
    driven.give(
        1, 'for step in 1 2; do echo "step $step" >> "$JOBMON_PROGRESS_FILE"; sleep 1; done; sleep 300'
    )
    eventually(lambda: len([one for one in server.instances[1].signs if "progress" in one]) == 2)
    said = [one["progress"] for one in server.instances[1].signs if "progress" in one]
    assert said == ["step 1", "step 2"]


def test_while_no_reply_comes_measurements_do_not_pile_up(agent: Start, server: ScriptedServer) -> None:
    driven = agent(metrics_interval=0.05, request_timeout=1)
    driven.give(1, "sleep 300")
    eventually(lambda: measured(server))
    server.lose_replies = 6
    eventually(lambda: server.lose_replies == 0)
    sizes = {len(body["reports"]) for _, path, body in server.calls if path.endswith("/reports")}
    assert sizes == {1}
