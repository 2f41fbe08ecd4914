"""A worker whose token is refused keeps what it has to say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jobmon_client.api.client import Api
from jobmon_client.errors import Denied
from jobmon_client.http import Http
from jobmon_client.worker.reporting.replay import replay
from jobmon_client.worker.reporting.spool import Spool, waiting
from tests.client.agents import Driven
from tests.client.scripted_server import ScriptedServer
from tests.support.waiting import eventually

REFUSED: tuple[int, dict[str, str], bytes] = (401, {}, b'{"error": {"message": "There is no such token."}}')
DONE = {"task_instance_id": 1, "report": "log_done", "worker_id": "w"}


def test_a_result_is_sent_again_until_the_token_holds(
    agent: Callable[..., Driven], server: ScriptedServer, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    driven = agent(spool_dir=spool)
    driven.give(1, "while ! test -e go; do sleep 0.05; done".replace("go", str(tmp_path / "go")))
    driven.until_started(1)
    server.script.extend([REFUSED] * 5)
    (tmp_path / "go").touch()
    driven.until_ended(1)
    assert not server.script
    assert server.instances[1].status == "DONE"
    eventually(lambda: not waiting(spool), what="what was heard is forgotten")


def test_what_a_dead_worker_left_stays_where_it_is(server: ScriptedServer, tmp_path: Path) -> None:
    dead = Spool(tmp_path, "dead")
    dead.keep([DONE])
    dead.close(keep=True)
    server.script.append(REFUSED)
    with Api(Http(server.url, budget=0)) as api, pytest.raises(Denied):
        replay(api, tmp_path)
    assert [report for _, reports in waiting(tmp_path) for report in reports] == [DONE]
