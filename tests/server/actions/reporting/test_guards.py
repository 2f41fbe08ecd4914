"""Every write of a status names the status that was locked, and a row that has another by then is a lost race."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Table, event, select, update
from sqlalchemy.engine import Connection

from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus, WorkflowRunStatus, WorkflowStatus
from jobmon_server.actions.reporting.decision import decide
from jobmon_server.actions.reporting.report_types import REPORTS
from jobmon_server.db.core.guarded_update import SPELLED, update_many
from jobmon_server.db.core.transaction import Database, LostRace
from jobmon_server.db.instances import heartbeats, lock_by_status
from jobmon_server.db.instances.lock_by_status import LockedInstance
from jobmon_server.db.instances.uniform_writes import typical, write_alike
from jobmon_server.db.schema.tables import task, task_instance
from jobmon_server.db.schema.tables_workflow import workflow, workflow_run
from jobmon_server.db.workflows import queueing, workflow_locks
from jobmon_server.db.workflows.dag import ReadyTask
from jobmon_server.fsm.plan import Pair
from tests.support.path import Path
from tests.support.path import task as a_task

MANY = SPELLED + 3


def is_refused(database: Database, write: Callable[[Connection], Any]) -> None:
    """Check that a write loses its race, and that its transaction changes nothing."""
    with pytest.raises(LostRace), database.engine.begin() as connection:
        write(connection)


def column(database: Database, table: Table, name: str) -> list[Any]:
    return database.read(
        lambda connection: list(connection.execute(select(table.c[name]).order_by(table.c.id)).scalars())
    )


@pytest.fixture
def bound(path: Path) -> list[int]:
    """Tasks of which the last is PAUSED, the others are REGISTERING."""
    path.bind(*(a_task(f"t{number}") for number in range(MANY))).start()
    ids = list(path.task_ids.values())
    path.post(f"/task/{ids[-1]}/pause")
    return ids


@pytest.mark.parametrize("number", [1, 5, MANY], ids=["one", "some", "many"])
@pytest.mark.parametrize("varies", [False, True], ids=["one value for all", "a value each"])
def test_rows_that_have_left_their_status_are_a_lost_race(
    database: Database, bound: list[int], number: int, *, varies: bool
) -> None:
    rows = [
        (one, TaskStatus.REGISTERING, {"priority": place if varies else 7})
        for place, one in enumerate(bound[-number:])
    ]
    before = column(database, task, "priority")

    is_refused(database, lambda connection: update_many(connection, task, rows))

    assert column(database, task, "priority") == before


@pytest.fixture
def queued(path: Path) -> list[int]:
    """Instances that wait for a distributor."""
    path.bind(*(a_task(f"t{number}") for number in range(3))).start()
    return path.queue()


def locked_as(database: Database, ids: list[int]) -> list[LockedInstance]:
    """The rows as somebody would have locked them."""
    now = column(database, task_instance, "status_at")[0]
    tasks = dict(
        zip(column(database, task_instance, "id"), column(database, task_instance, "task_id"), strict=True)
    )
    return [LockedInstance(one, tasks[one], now, False, now) for one in ids]


def test_a_launch_of_what_is_not_claimed_any_more_is_a_lost_race(
    database: Database, queued: list[int]
) -> None:
    members = locked_as(database, queued)
    with (
        database.engine.begin() as connection
    ):  # so that the instances alone have another status than was locked
        connection.execute(update(task).values(status=TaskStatus.INSTANTIATING))
    was = typical(Pair(TI.INSTANTIATED, TaskStatus.INSTANTIATING), members[0].now)
    news = REPORTS["log_distributor_id"](distributor_id="7", next_report_increment=60.0)
    own = ("distributor_id", {one: f"job-{one}" for one in queued})

    is_refused(database, lambda connection: write_alike(connection, decide(was, news), members, own))

    assert column(database, task_instance, "distributor_id") == [None] * len(queued)


def test_a_batch_of_tasks_that_are_not_ready_any_more_is_a_lost_race(
    path: Path, database: Database, bound: list[int]
) -> None:
    ready = [ReadyTask(one, TaskStatus.REGISTERING, 0, 1, "local", "", None) for one in bound]

    def write(connection: Connection) -> None:
        locked = workflow_locks.lock_workflow(connection, path.workflow_id)
        assert locked is not None
        queueing._move_tasks(connection, locked, ready)

    before = column(database, task, "status")
    is_refused(database, write)
    assert column(database, task, "status") == before


def test_a_deadline_of_what_has_ended_is_a_lost_race(database: Database, queued: list[int]) -> None:
    now = locked_as(database, queued)[0].now
    is_refused(database, lambda connection: heartbeats.extend(connection, queued, now, 60.0, 120.0))
    assert column(database, task_instance, "report_by") == [None] * len(queued)


def test_a_workflow_and_a_run_that_have_moved_are_a_lost_race(path: Path, database: Database) -> None:
    path.bind(a_task("a")).start()

    def stale(connection: Connection) -> Any:
        locked = workflow_locks.lock_workflow(connection, path.workflow_id)
        assert locked is not None
        assert locked.run is not None
        return locked

    with database.engine.begin() as connection:
        locked = stale(connection)
        connection.execute(update(workflow).values(status=WorkflowStatus.PAUSED))
    is_refused(database, lambda c: workflow_locks.write_status(c, locked, WorkflowStatus.HALTED))
    assert column(database, workflow, "status") == [WorkflowStatus.PAUSED]
    path.post(f"/workflow_run/{path.run_id}/log_heartbeat", next_report_increment=60.0)
    is_refused(database, lambda c: workflow_locks.write_run(c, locked.run, WorkflowRunStatus.ERROR))
    assert column(database, workflow_run, "status") == [WorkflowRunStatus.RUNNING]


def test_a_claim_leaves_what_another_distributor_holds(
    path: Path, database: Database, queued: list[int]
) -> None:
    held, free = queued[0], queued[1:]
    with database.engine.begin() as connection:
        connection.execute(
            update(task_instance).where(task_instance.c.id == held).values(distributor="another")
        )

    reply = path.post(
        "/task_instance/instantiate_task_instances",
        distributor="me",
        next_report_increment=60.0,
        cluster="local",
        limit=10,
    ).get_json()

    given = [one["task_instance_id"] for batch in reply["batches"] for one in batch["task_instances"]]
    assert given == free
    assert [(one["task_instance_id"], one["outcome"]) for one in reply["outcomes"]] == [(held, "fenced")]


def test_no_orphan_is_moved_with_its_task(database: Database, queued: list[int]) -> None:
    members = locked_as(database, queued)
    orphan = members[0]._replace(orphan=True)
    with database.engine.begin() as connection:
        found = lock_by_status.with_tasks(connection, [orphan, *members[1:]], TaskStatus.QUEUED)
    assert [one.id for one in found] == queued[1:]


@pytest.fixture
def running(path: Path, queued: list[int]) -> list[int]:
    """Instances that run."""
    path.claim(queued)
    for one in queued:
        path.running(one)
    return queued


def test_changes_of_one_instance_in_one_call_are_written_one_after_the_other(
    path: Path, running: list[int]
) -> None:
    one = running[0]
    reports = [
        {
            "task_instance_id": one,
            "report": "log_report_by",
            "worker_id": "worker-1",
            "next_report_increment": 100.0 + number,
            "stdout": f"/log/{number}",
        }
        for number in range(3)
    ]

    reply = path.post("/reports", reports=reports).get_json()

    assert (reply["applied"], reply["outcomes"]) == (3, [])
    assert path.get(f"/task_instance/{one}")["stdout"] == "/log/2"


def test_a_connection_whose_commit_failed_is_given_up(database_url: str) -> None:
    database = Database.connect(database_url, pool_size=1)
    seen: list[Any] = []

    def look(connection: Connection) -> None:
        seen.append(connection.connection.dbapi_connection)

    def fail(_connection: Connection) -> None:
        event.remove(database.engine, "commit", fail)
        raise ConnectionAbortedError("the network went away")

    event.listen(database.engine, "commit", fail)
    with pytest.raises(ConnectionAbortedError):
        database.transact(look)
    database.transact(look)
    first, second = seen
    assert first is not second
    database.dispose()
