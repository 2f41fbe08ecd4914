"""`jobmon spool`: results that a dead worker left, sent to a real server."""

from __future__ import annotations

from pathlib import Path

from jobmon_client import config
from jobmon_client.api.client import Api
from jobmon_client.http import Http
from jobmon_client.worker.reporting.spool import Spool
from tests.support.commands import Jobmon
from tests.support.server import LiveServer


def test_what_a_dead_worker_left_is_listed_and_sent_once(live_server: LiveServer, tmp_path: Path) -> None:
    jobmon = Jobmon(tmp_path, live_server.database_url, {"JOBMON_SERVER_URL": live_server.url})
    with Api(Http(live_server.url, budget=10)) as api:
        workflow_id = api.bind_workflow("w")["workflow_id"]
        api.bind_tasks(workflow_id, [{"name": "a", "command": "true"}])
        api.queue_tasks(api.start_run(workflow_id, next_report_increment=60).body["workflow_run_id"])
        (batch,) = api.claim("me", "local", 1, next_report_increment=60).batches
        one = batch["task_instances"][0]["task_instance_id"]
        api.log_running(one, worker_id="w", next_report_increment=60, nodename="n", process_group_id=1)
        settings = config.load({"data_dir": tmp_path / "jobmon"}, {"HOME": str(tmp_path)})
        spool = Spool(config.spool_dir(settings, live_server.url), "dead")
        spool.keep([{"task_instance_id": one, "report": "log_done", "worker_id": "w", "stdout_log": "said"}])
        spool.close(keep=True)

        listed = jobmon.json("spool", "list")["waiting"]
        assert [(row["task_instance_id"], row["status"]) for row in listed] == [(one, "DONE")]
        assert jobmon.json("spool", "flush") == {"sent": 1, "refused": 0}
        instance = api.task_instance(one)
    assert (instance["status"], instance["stdout_log"]) == ("DONE", "said")
    assert jobmon("spool", "flush").stdout == "0 sent\n"
    assert jobmon("spool", "list").stdout.startswith("0 waiting in ")


def test_without_a_server_it_stays(tmp_path: Path) -> None:
    jobmon = Jobmon(tmp_path, "", {"JOBMON_SERVER_URL": "http://127.0.0.1:1", "JOBMON_RETRY_BUDGET": "0"})
    assert jobmon("spool", "flush").returncode == 3
