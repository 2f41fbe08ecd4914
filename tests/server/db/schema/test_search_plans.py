"""What is documented as found by an index is: by the same one on both databases, in a list, a count and a walk by ids."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from jobmon_server.db import search
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables import task_instance
from jobmon_server.db.search import Condition, Entity, Query
from jobmon_server.db.search.simple_filters import parse_simple
from tests.server.db.schema.test_query_plans import ATTEMPT, BIG, BY_WORKFLOW, SCHEDULE, STEP, fill, plans
from tests.support.path import Path, task

BY_REPORT, BY_CLAIM = "ix_task_instance_report_by", "ix_task_instance_claim"
RUN_REPORT = "ix_workflow_run_report_by"
#: Either is good: by status, or by id, in which a page is wanted.
OF_WORKFLOW = "of its workflow"
Filters = dict[str, Any]
#: Each filter, and the first index by which it is found.
FOUND: list[tuple[str, Filters, tuple[str, str]]] = [
    ("workflow", {"workflow_id": 3}, ("workflow", "PRIMARY")),
    ("workflow", {"workflow_id": [3, 4]}, ("workflow", "PRIMARY")),
    ("workflow", {"status": "RUNNING"}, ("workflow", "ix_workflow_status")),
    ("workflow", {"name": "w7"}, ("workflow", "ix_workflow_name")),
    ("workflow", {"owner": "x"}, ("workflow", "ix_workflow_owner_finished_at")),
    ("workflow", {"stale": True}, ("workflow_run", RUN_REPORT)),
    (
        "workflow",
        {"attributes.k": 3},
        ("workflow_attribute", "ix_workflow_attribute_name_digest_workflow_id"),
    ),
    ("workflow", {"member_task_id": 5}, ("task", "PRIMARY")),
    ("workflow", {"member_task_instance_id": [5, 6]}, ("task_instance", "PRIMARY")),
    ("task", {"task_id": [3, 4]}, ("task", "PRIMARY")),
    ("task", {"workflow_id": 305}, ("task", OF_WORKFLOW)),
    ("task", {"workflow_id": 305, "status": "RUNNING"}, ("task", OF_WORKFLOW)),
    ("task", {"array_id": 3}, ("task", "ix_task_array_id")),
    ("task", {"attributes.k": 3}, ("task_attribute", "ix_task_attribute_name_digest_task_id")),
    ("task", {"stale": True}, ("task_instance", BY_REPORT)),
    ("task_instance", {"task_instance_id": [3, 4]}, ("task_instance", "PRIMARY")),
    ("task_instance", {"task_id": [3, 4]}, ("task_instance", ATTEMPT)),
    ("task_instance", {"attempts": ["3:1", "4:last"]}, ("task_instance", ATTEMPT)),
    ("task_instance", {"distributor_id": "123"}, ("task_instance", "ix_task_instance_distributor_id")),
    ("task_instance", {"workflow_run_id": 3}, ("task_instance", "ix_task_instance_workflow_run_id")),
    ("task_instance", {"workflow_id": 305}, ("task", OF_WORKFLOW)),
    ("task_instance", {"array_id": 3}, ("task_instance", STEP)),
    ("task_instance", {"stale": True}, ("task_instance", BY_REPORT)),
    ("task_instance", {"status": "RUNNING"}, ("task_instance", BY_REPORT)),
    ("task_instance", {"status": ["LAUNCHED", "TRIAGING"]}, ("task_instance", BY_REPORT)),
    ("task_instance", {"status": "QUEUED"}, ("task_instance", BY_CLAIM)),
]


@pytest.fixture
def filled(path: Path, database: Database) -> Path:
    """Some thousand rows, with attributes, deadlines of which few have passed, and ids of a cluster."""
    for number in range(300):
        path.post("/workflow", name=f"w{number}", attributes={"k": number})
    path.bind(*(task(str(number), attributes={"k": number}) for number in range(2000)))
    fill(path, database)
    known = update(task_instance).values(distributor_id=task_instance.c.id)
    database.transact(lambda connection: connection.execute(known))
    if database.engine.dialect.name != "sqlite":
        tables = "task, task_instance, workflow, workflow_run, task_attribute, workflow_attribute"
        database.transact(lambda connection: connection.exec_driver_sql(f"ANALYZE TABLE {tables}").all())
    return path


def conditions(entity: Entity, filters: Filters) -> tuple[Condition, ...]:
    return tuple(
        search.parse_condition(entity, name, "eq", value)
        if "." in name
        else parse_simple(entity, name, value)
        for name, value in filters.items()
    )


def test_what_is_documented_as_found_by_an_index_is(filled: Path, database: Database) -> None:
    wrong = []
    for name, filters, lead in FOUND:
        entity = Entity(name)
        asked = conditions(entity, filters)
        calls: dict[str, Any] = {
            "list": lambda c, e=entity, a=asked: search.list_rows(c, e, Query(a, with_total=False)),
            "count": lambda c, e=entity, a=asked: search.count(c, e, a),
            "ids": lambda c, e=entity, a=asked: search.select_ids(c, e, a, limit=1000),
        }
        for what, call in calls.items():
            found = plans(database, call)
            scanned = {table for table, index in found if index == "SCAN"} & {*BIG, "workflow", "one"}
            tables = {("task_instance" if table == "one" else table, index) for table, index in found}
            if not tables.isdisjoint({("task", SCHEDULE), ("task", BY_WORKFLOW)}):
                tables.add(("task", OF_WORKFLOW))
            if scanned or lead not in tables:
                wrong.append(f"{what} of {name} by {filters}: {sorted(found)}, not by {lead}")
    assert not wrong, "\n".join(wrong)
