"""One number finds an attempt in the server's log, the worker's log and the journal; callers' own numbers mean nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path as FilePath

from flask.testing import FlaskClient

from tests.support.path import Path, task
from tests.support.remote import Remote
from tests.support.server import LiveServer, environment


def test_the_id_of_an_attempt_is_in_both_logs_and_in_the_journal(
    live_server: LiveServer, tmp_path: FilePath
) -> None:
    remote = Remote(live_server.url)
    path = Path(remote)
    one = path.bind(task("a")).start().run_one()
    command = [sys.executable, "-m", "jobmon_client.worker", "run", "--task-instance-id", str(one)]
    worker = subprocess.run(
        [*command, "--server-url", live_server.url],
        env=environment(HOME=str(tmp_path), JOBMON_LOG_LEVEL="info"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert worker.returncode == 3
    assert re.search(rf"not_started .*outcome=fenced .*task_instance_id={one}$", worker.stderr, re.MULTILINE)
    assert path.journal(one)[-1] == ("RUNNING", "RUNNING", "fenced")
    path.running(one, worker_id="another")
    remote.close()
    written = live_server.log.read_text().splitlines()
    seen = [json.loads(line) for line in written if line.startswith('{"route"')]
    assert any(line["ids"] == {"task_instance_id": one} and line["outcome"] == "fenced" for line in seen)


def test_a_number_that_a_caller_sends_in_a_header_is_no_identity(client: FlaskClient) -> None:
    for header in ("X-Request-ID", "X-Correlation-ID", "traceparent"):
        made = [
            client.post("/api/v1/workflow", json={"name": "w"}, headers={header: "the same"}) for _ in "ab"
        ]
        assert [one.status_code for one in made] == [201, 201]
        assert len({one.get_json()["workflow_id"] for one in made}) == 2


def test_a_number_of_a_callers_own_in_a_body_is_refused(path: Path) -> None:
    one = path.bind(task("a")).start().run_one()
    for field in ("ix_id", "correlation_id", "task_instance_id"):
        refused = path.done(one, **{field: "mine"})
        assert refused.status_code == 422
        assert refused.get_json()["error"]["details"][0]["field"] == field
    assert path.instance(one)["status"] == "RUNNING"
