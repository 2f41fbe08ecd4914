"""Results that dead workers left on disk: sent by whoever finds them, once, and dropped only when they were heard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobmon_client.api.client import Api
from jobmon_client.errors import Unreachable
from jobmon_client.http import Http
from jobmon_client.worker.reporting.replay import Replayed, replay
from jobmon_client.worker.reporting.spool import Spool, waiting
from tests.client.scripted_server import ScriptedServer


def done(task_instance_id: int, **facts: Any) -> dict[str, Any]:
    return {"task_instance_id": task_instance_id, "report": "log_done", "worker_id": "w", **facts}


def left_behind(directory: Path, *reports: dict[str, Any], name: str = "dead") -> None:
    spool = Spool(directory, name)
    spool.keep(reports)
    spool.close(keep=True)


@pytest.fixture
def api(server: ScriptedServer) -> Api:
    """An impatient caller."""
    return Api(Http(server.url, timeout=5, budget=0))


def running(server: ScriptedServer, *ids: int) -> None:
    for one in ids:
        server.add(one, status="RUNNING", holder="w")


def test_what_was_left_is_sent_and_then_gone(api: Api, server: ScriptedServer, tmp_path: Path) -> None:
    running(server, 1, 2, 3)
    left_behind(tmp_path, done(1, stdout_log="one"), done(2))
    left_behind(tmp_path, done(3), name="another")
    assert replay(api, tmp_path) == Replayed(sent=3)
    assert [server.instances[one].status for one in (1, 2, 3)] == ["DONE"] * 3
    assert server.last(1)["stdout_log"] == "one"
    assert list(tmp_path.iterdir()) == []
    assert replay(api, tmp_path) == Replayed()


def test_a_server_that_is_away_leaves_it_there(api: Api, server: ScriptedServer, tmp_path: Path) -> None:
    running(server, 1)
    left_behind(tmp_path, done(1))
    server.down = True
    with pytest.raises(Unreachable):
        replay(api, tmp_path)
    assert len(waiting(tmp_path)) == 1
    server.down = False
    assert replay(api, tmp_path).sent == 1


def test_what_was_heard_before_is_heard_again_and_harmless(
    api: Api, server: ScriptedServer, tmp_path: Path
) -> None:
    running(server, 1)
    left_behind(tmp_path, done(1))
    server.lose_replies = 1
    with pytest.raises(Unreachable):
        replay(api, tmp_path)
    assert replay(api, tmp_path) == Replayed(sent=1)
    assert server.instances[1].status == "DONE"


def test_what_the_server_refuses_is_not_sent_for_ever(
    api: Api, server: ScriptedServer, tmp_path: Path
) -> None:
    running(server, 1)
    server.add(2, status="RUNNING", holder="another")
    left_behind(tmp_path, done(1), done(2), done(404))
    assert replay(api, tmp_path) == Replayed(sent=1, refused=2)
    assert list(tmp_path.iterdir()) == []


def test_one_poisonous_report_does_not_cost_the_others(
    api: Api, server: ScriptedServer, tmp_path: Path
) -> None:
    running(server, 1, 2)
    left_behind(tmp_path, done(1), done(2))
    refusal = b'{"outcome": "malformed", "error": {"code": "malformed", "message": "no", "details": []}}'
    server.script.extend([(422, {}, refusal), (422, {}, refusal)])
    assert replay(api, tmp_path) == Replayed(sent=1, refused=1)
    assert server.instances[2].status == "DONE"


def test_what_a_living_worker_keeps_is_left_to_it(api: Api, server: ScriptedServer, tmp_path: Path) -> None:
    running(server, 1)
    alive = Spool(tmp_path, "alive")
    alive.keep([done(1)])
    assert replay(api, tmp_path) == Replayed()
    assert server.instances[1].status == "RUNNING"
    alive.close(keep=False)
