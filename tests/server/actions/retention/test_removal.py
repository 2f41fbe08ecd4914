"""The removal of rows: in batches, gone on with after a kill, whole, and while reports still come."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from typing import Any

import pytest
from sqlalchemy import delete

from jobmon_server.actions.retention.retention_pass import remove_marked
from jobmon_server.actions.retention.workflow_deletion import DeletionStep, remove_some
from jobmon_server.app import create_app
from jobmon_server.config import Settings
from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema import tables
from jobmon_server.db.schema.tables_workflow import workflow
from jobmon_server.db.workflows import workflow_removal
from tests.server.actions.retention.test_deleting import drop, ended, rows
from tests.support.path import ME, Path, task


def grid(width: int, depth: int) -> list[dict[str, Any]]:
    """Layers of tasks, each of which waits for all of the layer before it."""
    names = [[f"{layer} {column}" for column in range(width)] for layer in range(depth)]
    return [
        task(name, *(names[layer - 1] if layer else [])) for layer in range(depth) for name in names[layer]
    ]


def test_every_rule_holds_after_each_batch(path: Path, database: Database) -> None:
    path.bind(*grid(35, 7)).start()
    path.claim(ids := path.queue())
    for one in ids[:20]:
        path.running(one)
        path.done(one)
    path.act("stop")
    for one in ids[20:]:
        path.error(one, "ERROR_FATAL")
    one = path.workflow_id
    database.transact(workflow_removal.mark, one)
    steps = [DeletionStep.MORE]
    while steps[-1] is DeletionStep.MORE:
        steps.append(database.transact(remove_some, one))
        assert database.read(check) == []
    assert steps[-1] is DeletionStep.GONE
    assert len(steps) > 10
    assert database.read(rows) == {}


@pytest.mark.parametrize("statement", [2, 5, 9, 14, 20, 27])
def test_a_removal_that_is_killed_is_gone_on_with(
    path: Path, database: Database, database_url: str, statement: int
) -> None:
    path.bind(*grid(12, 11), task("other"))
    one = path.workflow_id
    command = [sys.executable, "-m", "tests.support.dying.remover", database_url, str(one), str(statement)]
    dead = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert dead.returncode == -signal.SIGKILL, dead.stderr
    assert database.read(check) == []
    if path.client.get(f"/api/v1/workflow/{one}").status_code == 200:
        assert path.get(f"/workflow/{one}")["tasks"] == {"REGISTERING": 133}
        drop(path, one)
    remove_marked(database, Settings(), lambda: True)
    assert database.read(rows) == {}


def test_what_hangs_on_a_task_goes_with_it(path: Path, database: Database) -> None:
    ended(path)
    path.post("/submission", submission_uuid="s", cluster="local", distributor="d", task_instance_ids=[1])
    b = path.task_ids["b"]
    gone = path.get(f"/task/{b}")["task_instance_ids"]
    database.transact(lambda connection: connection.execute(delete(tables.task).where(tables.task.c.id == b)))
    for one in gone:
        assert path.client.get(f"/api/v1/task_instance/{one}").status_code == 404
    assert [one for one in database.read(check) if " has its row in " in one.rule] == []


def test_what_hangs_on_a_workflow_goes_with_it(path: Path, database: Database) -> None:
    one = ended(path)
    database.transact(lambda connection: connection.execute(delete(workflow).where(workflow.c.id == one)))
    assert database.read(rows) == {}


def test_a_submission_goes_with_the_last_of_its_instances(path: Path, database: Database) -> None:
    first, second = ended(path, task("a")), ended(path, task("a"))
    facts = {"submission_uuid": "s", "cluster": "local", "distributor": "d"}
    assert path.post("/submission", **facts, task_instance_ids=[1, 2]).status_code == 201
    drop(path, first)
    assert path.get("/submission/s")["task_instance_ids"] == [2]
    drop(path, second)
    assert database.read(rows) == {}


def test_reports_that_come_while_rows_go_are_answered(path: Path, database: Database) -> None:
    path.bind(*(task(str(number), *(["0"] if number else [])) for number in range(601))).start()
    path.done(path.run_one())
    ids = path.queue()
    path.claim(ids)
    path.act("stop")
    for start in range(0, 600, 300):
        some = ids[start : start + 300]
        facts = {"report": "log_known_error", "error_state": "ERROR_FATAL", "error_message": "confirmed dead"}
        assert path.reports(*({"task_instance_id": one, **facts} for one in some))["applied"] == 300
    told: list[set[str]] = []

    def late(own: list[int]) -> None:
        client = create_app(database).test_client()
        for start in range(0, len(own), 20):
            items = [
                {"task_instance_id": one, "report": "log_done", "worker_id": ME}
                for one in own[start : start + 20]
            ]
            reply = client.post("/api/v1/reports", json={"reports": items}).get_json()
            told.append({one["outcome"] for one in reply["outcomes"]})
            one = client.post(f"/api/v1/task_instance/{own[start]}/log_done", json={"worker_id": ME})
            told.append({one.get_json()["outcome"]})

    threads = [threading.Thread(target=late, args=(own,)) for own in (ids, ids[::-1], ids[300:] + ids[:300])]
    for thread in threads:
        thread.start()
    before = database.reruns
    assert drop(path, path.workflow_id).get_json()["is_removed"] is True
    for thread in threads:
        thread.join(timeout=40)
    assert set().union(*told) <= {"unknown", "invalid", "untimely"}
    assert "unknown" in set().union(*told)
    assert database.reruns == before
    assert database.read(rows) == {}
