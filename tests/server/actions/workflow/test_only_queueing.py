"""Only queueing makes instances: their rows are there before any distributor can see them, and no other way."""

from __future__ import annotations

import ast
from typing import Any

from flask import Flask

from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables import task_instance
from tests.house.rules import ROOT, modules
from tests.server.db.schema.test_ids import rows_of
from tests.support.path import Path, task

QUEUEING = "/api/v1/workflow_run/<id:workflow_run_id>/queue_tasks"
#: What most routes take, and what each ignores none of: a route that does not know one refuses it.
BODIES: tuple[dict[str, Any], ...] = (
    {},
    {"reason": "why"},
    {"next_report_increment": 60},
    {"next_report_increment": 60, "resume": "hot"},
    {"task_ids": [1]},
    {"distributor": "d", "next_report_increment": 60, "cluster": "local", "limit": 10},
    {"distributor": "d", "next_report_increment": 60, "task_instance_ids": [1]},
    {"worker_id": "w", "nodename": "n", "process_group_id": 1, "next_report_increment": 60},
    {"reports": [{"task_instance_id": 1, "report": "log_done", "worker_id": "w"}]},
    {"name": "another"},
)


def inserters() -> set[str]:
    """The modules that write `insert(task_instance)`."""
    return {
        module.path
        for module in modules("jobmon_server")
        for node in ast.walk(ast.parse(module.source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "insert"
        and any(isinstance(one, ast.Name) and one.id == "task_instance" for one in node.args)
    }


def test_one_module_inserts_instances() -> None:
    assert inserters() == {"jobmon_server/db/workflows/queueing.py"}
    users = [
        module.path
        for module in modules("jobmon_server")
        for _, name in module.imports()
        if name.startswith("jobmon_server.db.workflows.queueing")
        or name == "jobmon_server.db.workflows.queueing"
    ]
    assert set(users) == {"jobmon_server/actions/workflow/queueing.py"}
    assert (ROOT / "jobmon_server/actions/workflow/queueing.py").exists()


def test_no_route_but_queueing_makes_an_instance(app: Flask, database: Database) -> None:
    path = Path(app.test_client()).bind(task("a"), task("b")).start()
    assert path.workflow_id == path.run_id == 1
    posts = sorted(
        rule.rule
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or set()) and rule.rule != QUEUEING
    )
    assert len(posts) > 30
    for rule in posts:
        address = "/".join("1" if part.startswith("<") else part for part in rule.split("/"))
        for body in BODIES:
            assert path.client.post(address, json=body).status_code < 500
        assert rows_of(database, task_instance) == [], rule


def test_an_instance_stands_there_queued_before_a_distributor_can_see_it(
    path: Path, database: Database
) -> None:
    path.bind(task("a")).start()
    facts = {"distributor": "d", "next_report_increment": 60, "cluster": "local", "limit": 10}
    claim = "/task_instance/instantiate_task_instances"
    assert path.post(claim, **facts).get_json()["batches"] == []
    (one,) = path.queue()
    (row,) = rows_of(database, task_instance)
    assert (row["id"], row["status"], row["distributor"]) == (one, "QUEUED", None)
    (batch,) = path.post(claim, **facts).get_json()["batches"]
    assert [step["task_instance_id"] for step in batch["task_instances"]] == [one]
