"""`db check` is quiet after every life, and names what is broken by hand."""

from __future__ import annotations

import pytest
from sqlalchemy import Table, update

from jobmon_client.states import TaskInstanceStatus, TaskStatus
from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables import task, task_instance
from jobmon_server.fsm.acts import ACTS
from tests.support.path import Path
from tests.support.path import task as a_task


def a_life(path: Path) -> int:
    """Some of everything; the last instance is RUNNING."""
    path.bind(
        a_task("a"), a_task("b", "a"), a_task("c", max_attempts=1, priority=9), a_task("d"), a_task("e")
    ).start()
    path.error(path.run_one())
    path.done(path.run_one())
    return path.run_one()


def test_a_life_leaves_nothing_to_find(path: Path, database: Database) -> None:
    a_life(path)
    assert database.read(check) == []
    path.post(f"/workflow_run/{path.run_id}/terminate")
    assert database.read(check) == []


@pytest.mark.parametrize("verb", sorted(ACTS))
def test_an_act_leaves_nothing_to_find(path: Path, database: Database, verb: str) -> None:
    a_life(path)
    path.queue(limit=1)
    reply = path.post(f"/workflow/{path.workflow_id}/{verb}", reason="why not").get_json()
    assert reply["outcome"] == "applied" if verb != "play" else "duplicate"
    assert database.read(check) == []


@pytest.mark.parametrize(
    ("table", "values", "rule"),
    [
        (task, {"status": TaskStatus.QUEUED}, "a live instance that is no orphan agrees with its task"),
        (task, {"last_attempt": 7}, "a task's instances are counted"),
        (
            task,
            {"upstreams_left": 3},
            "a task waits for as many upstreams as have not told it that they are DONE",
        ),
        (task_instance, {"orphan": True}, "a live orphan is told to stop"),
        (
            task_instance,
            {"status": TaskInstanceStatus.LAUNCHED},
            "the last applied journal row is the instance's status",
        ),
    ],
)
def test_a_row_broken_by_hand_is_named(
    path: Path, database: Database, table: Table, values: dict[str, object], rule: str
) -> None:
    one = a_life(path)
    row_id = one if table is task_instance else path.instance(one)["task_id"]
    database.transact(
        lambda connection: connection.execute(update(table).where(table.c.id == row_id).values(values))
    )
    found = database.read(check)
    assert rule in {violation.rule for violation in found}
