"""What Prometheus reads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path as Directory
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from jobmon_server import check_file
from jobmon_server.actions.reporting.deadlines import reap
from jobmon_server.actions.reporting.report_types import REPORTS
from jobmon_server.actions.reporting.transition import report
from jobmon_server.app import create_app
from jobmon_server.config import Settings
from jobmon_server.db.core.transaction import Database, LostRace
from jobmon_server.db.schema.tables_records import journal
from tests.support.databases import MariadbSource
from tests.support.path import ME, Path, task
from tests.support.server import LiveServer, environment, serve
from tests.support.waiting import eventually as wait_until

Samples = dict[tuple[str, ...], float]


def parsed(text: str) -> Samples:
    """Every sample, by its name and the values of its labels in the order of the labels' names."""
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def sample(client: FlaskClient, path: str = "/metrics") -> Samples:
    """Every sample of one scrape."""
    response = client.get(path)
    assert response.status_code == 200
    return parsed(response.text)


def transitions(samples: Samples) -> dict[tuple[str, str, str], float]:
    """What was counted, by from, to, outcome; without duplicates, which the journal does not have, and zeros."""
    return {
        (was, to, outcome): count
        for (name, *labels), count in samples.items()
        if name == "jobmon_transitions_total" and count
        for was, outcome, to in [labels]
        if outcome != "duplicate"
    }


def journalled(database: Database) -> dict[tuple[str, str, str], float]:
    """The same of the journal."""

    def count(connection: Connection) -> dict[tuple[str, str, str], float]:
        columns = (journal.c.was, journal.c.wanted, journal.c.outcome)
        rows = connection.execute(select(*columns, func.count()).group_by(*columns))
        return {(str(was or ""), str(to), outcome): number for was, to, outcome, number in rows}

    return database.read(count)


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/metrics"])
def test_an_idle_server_shows_every_status_with_none(client: FlaskClient, path: str) -> None:
    samples = sample(client, path)

    assert samples["jobmon_task_instances", "QUEUED"] == 0
    assert samples["jobmon_task_instances", "KILL_SELF"] == 0
    assert samples["jobmon_workflows", "RUNNING"] == 0
    assert samples["jobmon_deadline_lag_seconds",] == 0
    assert samples["jobmon_transitions_total", "RUNNING", "applied", "DONE"] == 0
    assert samples["jobmon_fenced_total", "worker"] == 0
    assert samples["jobmon_database_up",] == 1


def test_what_waits_lives_and_is_overdue_is_counted(path: Path, client: FlaskClient) -> None:
    path.bind(task("a"), task("b"), task("c")).start()
    path.claim(path.queue()[:1], seconds=1e-6)

    samples = sample(client)

    assert samples["jobmon_task_instances", "QUEUED"] == 2
    assert samples["jobmon_task_instances", "INSTANTIATED"] == 1
    assert samples["jobmon_workflows", "RUNNING"] == 1
    assert samples["jobmon_overdue_task_instances",] == 1
    assert samples["jobmon_deadline_lag_seconds",] > 0


def test_every_change_is_counted_once_wherever_it_comes_from(
    path: Path, client: FlaskClient, database: Database
) -> None:
    path.bind(*(task(name, max_attempts=2) for name in "abcdefgh")).start()
    path.error(path.run_one())
    done = path.run_one()
    path.done(done)
    path.done(done)
    path.error(done)
    path.done(path.run_one(), worker_id="another")
    batch = path.queue(limit=3)
    path.claim(batch)
    path.claim(batch, distributor="another")
    path.post("/reports", reports=[running(one) for one in batch] + [running(batch[0])])
    path.claim(path.queue(limit=1), seconds=1e-6)
    assert reap(database).task_instances == 1
    path.post(f"/task/{path.instance(batch[1])['task_id']}/stop")
    path.post(f"/workflow_run/{path.run_id}/terminate")

    samples = sample(client)

    assert transitions(samples) == journalled(database)
    assert samples["jobmon_transitions_total", "DONE", "duplicate", "DONE"] == 1
    assert samples["jobmon_transitions_total", "RUNNING", "duplicate", "RUNNING"] == 1
    assert samples["jobmon_fenced_total", "worker"] == 1
    assert samples["jobmon_fenced_total", "distributor"] == 3


def running(one: int) -> dict[str, Any]:
    """A report of RUNNING for a batch."""
    facts = {"worker_id": ME, "nodename": "n", "process_group_id": 1, "next_report_increment": 60}
    return {"task_instance_id": one, "report": "log_running", **facts}


def test_a_transaction_that_is_run_again_is_counted_once(
    path: Path, client: FlaskClient, database: Database
) -> None:
    path.bind(task("a")).start()
    one = path.run_one()
    lost: list[int] = []

    def lose_first(connection: Connection) -> None:
        report(connection, one, REPORTS["log_done"](worker_id=ME))
        if not lost:
            lost.append(one)
            raise LostRace

    database.transact(lose_first)

    samples = sample(client)
    assert samples["jobmon_transitions_total", "RUNNING", "applied", "DONE"] == 1
    assert samples["jobmon_transaction_reruns_total",] == 1
    assert samples["jobmon_status_seconds_count", "RUNNING"] == 1


def test_what_is_rolled_back_is_not_counted(path: Path, client: FlaskClient, database: Database) -> None:
    path.bind(task("a")).start()
    one = path.run_one()

    def fail(connection: Connection) -> None:
        report(connection, one, REPORTS["log_done"](worker_id=ME))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.transact(fail)
    assert sample(client)["jobmon_transitions_total", "RUNNING", "applied", "DONE"] == 0


def test_the_time_in_a_status_is_counted_when_it_is_left(path: Path, client: FlaskClient) -> None:
    path.bind(task("a"), task("b")).start()
    one = path.run_one()
    before = sample(client)
    assert before["jobmon_status_seconds_count", "QUEUED"] == 1
    assert ("jobmon_status_seconds_count", "RUNNING") not in before
    path.error(one)
    path.run_one()
    after = sample(client)
    assert after["jobmon_status_seconds_count", "QUEUED"] == 2
    assert after["jobmon_status_seconds_count", "RUNNING"] == 1
    assert 0 < after["jobmon_status_seconds_sum", "RUNNING"] < 30
    assert after["jobmon_status_seconds_bucket", "+Inf", "RUNNING"] == 1


def test_reports_of_one_call_split_the_time(path: Path, client: FlaskClient) -> None:
    path.bind(task("a")).start()
    (one,) = path.queue()
    path.claim([one])
    path.post(
        "/reports", reports=[running(one), {"task_instance_id": one, "report": "log_done", "worker_id": ME}]
    )
    samples = sample(client)
    assert samples["jobmon_status_seconds_count", "INSTANTIATED"] == 1
    assert samples["jobmon_status_seconds_sum", "RUNNING"] == 0


def test_how_late_the_reaper_was_is_counted(path: Path, client: FlaskClient, database: Database) -> None:
    path.bind(task("a")).start()
    path.claim(path.queue(), seconds=1e-6)
    reap(database)
    samples = sample(client)
    assert samples["jobmon_reaped_late_seconds_count",] == 1
    assert samples["jobmon_reaped_late_seconds_sum",] > 0


def test_a_heartbeat_is_no_edge_but_a_fenced_one_is_told(path: Path, client: FlaskClient) -> None:
    path.bind(task("a")).start()
    one = path.run_one()
    before = transitions(sample(client))
    path.report(one, "log_report_by", worker_id=ME, next_report_increment=60)
    path.report(one, "log_report_by", worker_id="another", next_report_increment=60)
    after = sample(client)
    assert transitions(after) == before
    assert after["jobmon_fenced_total", "worker"] == 1


def test_requests_are_counted_by_route_and_status(client: FlaskClient) -> None:
    for task_id in (1, 2, 3):
        client.get(f"/api/v1/task/{task_id}")
    client.get("/nowhere")
    samples = sample(client)
    route = "/api/v1/task/<id:task_id>"
    assert samples["jobmon_requests_total", "GET", route, "404"] == 3
    assert samples["jobmon_request_seconds_count", "GET", route] == 3
    assert samples["jobmon_requests_total", "other", "other", "404"] == 1


def test_it_answers_without_a_database() -> None:
    database = Database.connect("mysql+pymysql://nobody@127.0.0.1:1/nothing")
    samples = sample(create_app(database).test_client())
    assert samples["jobmon_database_up",] == 0
    assert ("jobmon_overdue_task_instances",) not in samples
    assert ("jobmon_transaction_reruns_total",) in samples


def scraped(server: LiveServer) -> Samples:
    """A scrape over a connection of its own."""
    response = requests.get(
        f"{server.url}/metrics", timeout=10, headers={"Connection": "close", **server.headers}
    )
    assert response.status_code == 200
    return parsed(response.text)


def test_the_reaper_shows_that_it_lives_and_who_leads(
    live_server: LiveServer, eventually: Callable[..., Any]
) -> None:
    samples = eventually(lambda: (found := scraped(live_server))["jobmon_reaper_passes_total",] > 1 and found)
    assert samples["jobmon_reaper_failures_total",] == 0
    assert 0 <= samples["jobmon_reaper_last_pass_age_seconds",] < 10
    leases = [labels for (name, *labels) in samples if name == "jobmon_lease_seconds"]
    assert "reaper" in {name for _, name in leases}


def workers_of(server: LiveServer) -> list[int]:
    """The worker processes of a server."""
    pid = server.process.pid
    return sorted(map(int, Directory(f"/proc/{pid}/task/{pid}/children").read_text().split()))


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """While this lasts the process does nothing, so that the others answer."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def queue_one(server: LiveServer) -> None:
    """Bind, run and queue one task, each call over a connection of its own."""

    def post(path: str, **body: Any) -> Any:
        response = requests.post(
            f"{server.url}/api/v1{path}",
            json=body,
            timeout=10,
            headers={"Connection": "close", **server.headers},
        )
        assert response.ok, response.text
        return response.json()

    workflow_id = post("/workflow", name="w")["workflow_id"]
    post(f"/workflow/{workflow_id}/tasks", tasks=[{"name": "a", "command": "true"}])
    run_id = post(f"/workflow/{workflow_id}/workflow_run", next_report_increment=60)["workflow_run_id"]
    post(f"/workflow_run/{run_id}/queue_tasks")


@pytest.mark.mariadb
def test_any_of_many_processes_tells_the_sum_of_all(
    mariadb_source: MariadbSource, tmp_path: Directory
) -> None:
    queued = ("jobmon_transitions_total", "", "applied", "QUEUED")
    with (
        mariadb_source.with_schema() as url,
        serve(url, tmp_path, "--workers", "2", "--threads", "2") as server,
    ):
        first, second = wait_until(lambda: (found := workers_of(server))[1:] and found, what="two workers")
        with stopped(first):
            queue_one(server)
            assert scraped(server)[queued] == 1
        with stopped(second):
            queue_one(server)
            assert scraped(server)[queued] == 2
        with stopped(first):
            assert scraped(server)[queued] == 2
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: len(found := workers_of(server)) == 2 and first not in found, what="its successor")
        with stopped(second):
            assert scraped(server)[queued] == 2
            queue_one(server)
            assert scraped(server)[queued] == 3


def test_what_db_check_found_last_is_told(database: Database, tmp_path: Directory) -> None:
    settings = Settings(
        database_url=f"sqlite:///{tmp_path / 'jobmon.db'}", data_dir=str(tmp_path), auth="none"
    )
    client = create_app(database, settings).test_client()
    assert ("jobmon_check_violations",) not in sample(client)
    check_file.write_check(settings, 3)
    samples = sample(client)
    assert samples["jobmon_check_violations",] == 3
    assert samples["jobmon_check_timestamp_seconds",] > 0


def test_the_command_db_check_leaves_word_for_the_server(live_server: LiveServer) -> None:
    command = [
        sys.executable,
        "-m",
        "jobmon_server",
        "db",
        "check",
        "--database-url",
        live_server.database_url,
    ]
    given = environment(XDG_DATA_HOME=str(live_server.data_dir.parent))
    subprocess.run(command, env=given, check=True, capture_output=True)
    assert scraped(live_server)["jobmon_check_violations",] == 0
