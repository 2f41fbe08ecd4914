"""Results of an agent: kept while the server is away, sent once it is back, refused when they are bad."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from jobmon_client import config
from jobmon_client.worker.reporting.spool import waiting
from tests.client.agents import Driven
from tests.client.scripted_server import ScriptedServer
from tests.client.worker.agent.test_agent import Start, reports_of
from tests.support.waiting import eventually


def test_an_outage_stops_nothing_and_loses_no_result(
    agent: Start, server: ScriptedServer, tmp_path: Path
) -> None:
    driven = agent(heartbeat_interval=0.1, request_timeout=1)
    driven.give(1, f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; echo result; touch {tmp_path}/over")
    driven.until_started(1)
    server.down = True
    (tmp_path / "go").touch()
    eventually((tmp_path / "over").exists)
    assert driven.ended == []
    server.down = False
    driven.until_ended(1)
    assert (server.instances[1].status, server.last(1)["stdout_log"]) == ("DONE", "result\n")


def test_a_busy_server_is_told_again(agent: Start, server: ScriptedServer) -> None:
    server.script.extend([(503, {"Retry-After": "0"}, b'{"outcome": "busy"}')] * 3)
    assert agent().run("true")["report"] == "log_done"


def test_a_server_that_fails_loses_no_result(agent: Start, server: ScriptedServer, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    driven = agent(spool_dir=spool, heartbeat_interval=60)
    driven.give(1, f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; echo result")
    driven.until_started(1)
    server.script.extend([(500, {}, b"{}")] * 7)
    (tmp_path / "go").touch()
    eventually(lambda: list(spool.glob("*.jsonl")))
    driven.until_ended(1)
    assert not server.script
    assert (server.instances[1].status, server.last(1)["stdout_log"]) == ("DONE", "result\n")


def test_a_result_that_could_not_be_sent_is_kept_for_the_next_worker(
    agent: Start, server: ScriptedServer, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    first = agent(spool_dir=spool)
    first.give(1, f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; echo result")
    first.until_started(1)
    server.down = True
    (tmp_path / "go").touch()
    eventually(lambda: list(spool.glob("*.jsonl")))
    first.agent.stop(patience=0.2)
    assert first.agent.wait(10)
    server.down = False
    agent(spool_dir=spool)
    eventually(lambda: server.instances[1].status == "DONE")
    assert server.last(1)["worker_id"] == first.agent.worker_id
    assert server.last(1)["stdout_log"] == "result\n"
    eventually(lambda: not list(spool.glob("*.jsonl")))


@pytest.mark.parametrize("with_exception", [False, True])
def test_leaving_an_agent_sends_or_keeps_every_result(
    server: ScriptedServer,
    settings: Callable[..., config.Settings],
    tmp_path: Path,
    *,
    with_exception: bool,
) -> None:
    spool = tmp_path / "spool"
    driven = Driven(server, settings(), spool_dir=spool)
    with suppress(LookupError), driven.agent:
        driven.give(1, "echo result")
        driven.until_ended(1)
        driven.give(2, "sleep 300" if with_exception else "true")
        driven.until_started(2)
        if with_exception:
            raise LookupError
    assert driven.agent.wait(0)
    assert server.instances[1].status == "DONE"
    assert server.instances[2].status == ("ERROR" if with_exception else "DONE")
    assert list(spool.iterdir()) == []


def test_a_result_is_on_disk_before_it_is_sent(agent: Start, server: ScriptedServer, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    driven = agent(spool_dir=spool)
    driven.give(1, f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done")
    driven.until_started(1)
    server.down = True
    (tmp_path / "go").touch()
    eventually(lambda: [one["report"] for _, reports in waiting(spool) for one in reports] == ["log_done"])
    assert server.instances[1].status == "RUNNING"
    server.down = False
    eventually(lambda: server.instances[1].status == "DONE")
    eventually(lambda: waiting(spool) == [])


def test_what_a_command_writes_as_its_result_is_sent_with_done(agent: Start) -> None:
    report = agent().run("""printf '{"answer": [1, "é", null]}' > "$JOBMON_RESULT_FILE" """)
    assert (report["report"], report["result"]) == ("log_done", {"answer": [1, "é", None]})
    assert "result" not in agent().run("true")
    assert agent().run('echo null > "$JOBMON_RESULT_FILE"').get("result", "none") is None


@pytest.mark.parametrize(
    ("write", "says"),
    [
        ("echo 'not json'", "is no JSON"),
        ("printf '\\377'", "is no JSON"),
        ("echo NaN", "is no JSON"),
        ("printf '\"'; head -c 70000 /dev/zero | tr '\\0' 1; printf '\"'", "more than 65536 bytes"),
        ("head -c 900000 /dev/zero", "more than 65536 bytes"),
        ("printf '%0100d' 0 | sed 's/0/[/g'; printf '%0100d' 0 | sed 's/0/]/g'", "nested more than 30"),
    ],
)
def test_a_bad_result_is_an_error_that_says_so(agent: Start, write: str, says: str) -> None:
    report = agent().run(f'({write}) > "$JOBMON_RESULT_FILE"')
    assert (report["report"], report["error_state"]) == ("log_error_worker_node", "ERROR")
    assert says in report["error_description"]


def test_a_result_that_is_a_pipe_holds_nobody_up(agent: Start) -> None:
    report = agent().run('mkfifo "$JOBMON_RESULT_FILE" "$JOBMON_PROGRESS_FILE"')
    assert (report["report"], report["error_state"]) == ("log_error_worker_node", "ERROR")
    assert "no regular file" in report["error_description"]


def test_a_failed_command_has_no_result(agent: Start) -> None:
    report = agent().run("echo 1 > $JOBMON_RESULT_FILE; exit 3")
    assert (report["error_state"], "result" in report) == ("ERROR", False)


def test_an_agent_whose_parent_is_gone_does_not_wait_for_a_missing_server_without_end(
    agent: Start, server: ScriptedServer, tmp_path: Path
) -> None:
    driven = agent(spool_dir=tmp_path / "spool", last_patience=0.3)
    driven.give(1, "sleep 0.1")
    driven.until_started(1)
    server.down = True
    driven.agent.finish()
    assert driven.agent.wait(10)
    (kept,) = (tmp_path / "spool").glob("*.jsonl")
    assert '"log_done"' in kept.read_text()


def test_a_spool_in_use_is_left_alone(agent: Start, server: ScriptedServer, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    first = agent(spool_dir=spool)
    first.give(1, f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done")
    first.until_started(1)
    server.down = True
    (tmp_path / "go").touch()
    eventually(lambda: list(spool.glob("*.jsonl")))
    agent(spool_dir=spool)
    server.down = False
    first.until_ended(1)
    assert reports_of(server, 1) == ["log_running", "log_done"]


def test_a_malformed_detail_does_not_cost_the_result(agent: Start, server: ScriptedServer) -> None:
    server.refused_fields = {"usage"}
    assert "usage" not in agent().run("true")
    assert server.instances[1].status == "DONE"


def test_one_malformed_envelope_does_not_hold_up_the_others(agent: Start, server: ScriptedServer) -> None:
    driven = agent()
    server.script.append((422, {}, b'{"error": {"code": "malformed", "message": "no", "details": []}}'))
    for number in (1, 2, 3):
        driven.give(number, "true")
    eventually(lambda: len(driven.ended) == 3)
    assert [server.instances[number].status for number in (2, 3)] == ["DONE", "DONE"]
