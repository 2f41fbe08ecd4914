"""Every hot query is answered by the index that was made for it, on both databases; none reads a whole big table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from jobmon_client.states import TaskInstanceStatus, WorkflowStatus
from jobmon_server.actions.reporting import report_types as make
from jobmon_server.actions.reporting.deadlines import overdue
from jobmon_server.actions.reporting.heartbeat import extend_ordinary
from jobmon_server.actions.reporting.transition import report_many
from jobmon_server.app import create_app
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.instances import lock_by_status, locking
from jobmon_server.db.reads import lookups, pages
from jobmon_server.db.reads.id_pages import PageRequest
from jobmon_server.db.reads.queue_position import read_position
from jobmon_server.db.workflows import dag, task_locks, workflow_locks
from jobmon_server.fsm.task_instance import TENDED
from jobmon_server.principal import Reach
from tests.server.listening import listening
from tests.support.databases import MariadbSource
from tests.support.path import Path, task

WORKFLOWS, TASKS = 12, 300
#: How each workflow stands: 200 DONE and passed on, 5 DONE and not yet, 5 RUNNING, 10 INSTANTIATED, 20 QUEUED, 60 wait.
BIG = {"task", "task_instance", "journal", "task_instance_error_log", "edge"}
MAY_BE_OVER = frozenset({WorkflowStatus.RUNNING, WorkflowStatus.HALTED})
BY_WORKFLOW = "ix_task_workflow_id"
SCHEDULE = "ix_task_schedule"
ATTEMPT = "uq_task_instance_task_id_attempt"
STEP = "uq_task_instance_array_id_batch_num_array_step_id"
#: SQLite numbers the indexes of keys in the order in which the table declares them.
KEYS = {
    "sqlite_autoindex_task_instance_1": ATTEMPT,
    "sqlite_autoindex_task_instance_2": STEP,
    "sqlite_autoindex_edge_1": "PRIMARY",
    "sqlite_autoindex_array_batch_1": "PRIMARY",
}


@pytest.fixture
def filled(path: Path, database: Database) -> Path:
    """Some thousand rows, most of them of what is over; the path of the last workflow."""
    return fill(path, database)


def fill(path: Path, database: Database) -> Path:
    """Make the rows."""
    for _ in range(WORKFLOWS):
        names = [str(number) for number in range(TASKS)]
        path.bind(*(task(name, *(names[:3] if int(name) >= 240 else [])) for name in names)).start()
        ids = path.queue(limit=230)
        path.claim(ids[:220])
        running = {"worker_id": "w", "nodename": "n", "process_group_id": 1, "next_report_increment": 60}
        items = [{"task_instance_id": one, "report": "log_running", **running} for one in ids[:210]]
        items += [{"task_instance_id": one, "report": "log_done", "worker_id": "w"} for one in ids[:200]]
        assert path.post("/reports", reports=items).get_json()["applied"] == 410
        assert len(path.queue(limit=10)) == 10
        items = [{"task_instance_id": one, "report": "log_done", "worker_id": "w"} for one in ids[200:205]]
        assert path.post("/reports", reports=items).get_json()["applied"] == 5
    if database.engine.dialect.name != "sqlite":
        database.transact(
            lambda connection: connection.exec_driver_sql("ANALYZE TABLE task, task_instance, journal").all()
        )
    return path


def plan(connection: Connection, statement: str, parameters: Any) -> list[tuple[str, str]]:
    """How a statement is carried out: each table with its index, or with "SCAN" where it is read whole."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [step for row in rows if (step := sqlite_step(row.detail))]
    rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
    return [
        (row.table, "SCAN" if row.type in {"ALL", "index"} or row.key is None else row.key)
        for row in rows
        if row.table is not None and not row.table.startswith("<")
    ]


def sqlite_step(detail: str) -> tuple[str, str] | None:
    """One line of SQLite's plan."""
    words = detail.split()
    if words[0] not in {"SEARCH", "SCAN"} or words[1] == "CONSTANT":
        return None
    index = detail.partition(" INDEX ")[2].split(" ")[0]
    name = "PRIMARY" if "PRIMARY KEY" in detail else KEYS.get(index, index)
    return words[1], name if words[0] == "SEARCH" else "SCAN"


def plans(database: Database, call: Callable[[Connection], Any]) -> list[tuple[str, str]]:
    """How all statements of a call are carried out; what it writes is not undone."""
    with listening(database.engine) as said:
        database.transact(call)
    explained = [one for one in said.statements if one[0].split()[0] in {"SELECT", "UPDATE"}]
    return [step for statement in explained for step in database.read(plan, *statement)]


def beat(connection: Connection, ids: list[int]) -> Any:
    news = make.log_report_by_batch(next_report_increment=90)
    return report_many(connection, [(one, news) for one in ids])


def started(connection: Connection, ids: list[int]) -> Any:
    facts = {"worker_id": "w", "nodename": "n", "process_group_id": 1, "next_report_increment": 60}
    return report_many(connection, [(one, make.log_running(**facts)) for one in ids])


def hot(path: Path, ids: list[int]) -> dict[str, tuple[Callable[[Connection], Any], set[tuple[str, str]]]]:
    """The hot queries, and by which index each finds its rows in the big tables."""
    workflow_id = path.workflow_id
    pair = {("task_instance", "PRIMARY"), ("task", "PRIMARY")}
    both = {("task", SCHEDULE), ("task", BY_WORKFLOW)}
    claim = {("task_instance", "ix_task_instance_claim")}
    return {
        "lock one": (lambda c: locking.lock(c, ids[0]), pair),
        "lock one, with what it runs": (lambda c: locking.lock(c, ids[0], assignment=True), pair),
        "lock many": (lambda c: locking.lock_many(c, ids), pair),
        "a batch of other heartbeats": (lambda c: beat(c, ids), pair),
        "a batch of starts": (lambda c: started(c, ids[:60]), pair),
        "claim": (lambda c: lock_by_status.claimable(c, "local", 50), claim),
        "claim of one workflow": (lambda c: lock_by_status.claimable(c, "local", 50, workflow_id), claim),
        "overdue": (overdue, {("task_instance", "ix_task_instance_report_by")}),
        "ready": (
            lambda c: dag.ready_tasks(c, workflow_id, 50, []),
            {("task", SCHEDULE), ("task_instance", ATTEMPT)},
        ),
        "facts": (
            lambda c: workflow_locks.read_facts(c, workflow_locks.lock_workflow(c, workflow_id)),  # type: ignore[arg-type]
            {("task", SCHEDULE)},
        ),
        "is anything live": (lambda c: workflow_locks.has_live_tasks(c, workflow_id), {("task", SCHEDULE)}),
        "how many live": (lambda c: dag.count_live(c, workflow_id), {("task", SCHEDULE)}),
        "unsettled": (lambda c: workflow_locks.unsettled(c, MAY_BE_OVER, 100), both),
        "array step": (lambda c: lookups.find_array_task_instance(c, 1, 1, 0), {("task_instance", STEP)}),
        "journal": (lambda c: lookups.read_journal(c, ids[0]), {("journal", "ix_journal_task_instance_id")}),
        "tended": (
            lambda c: pages.list_tended(c, "local", statuses=sorted(TENDED), limit=100),
            {("task_instance", "ix_task_instance_tended")},
        ),
        "to be killed": (lookups.count_kill_self, {("task_instance", "ix_task_instance_tended")}),
        "current instances": (
            lambda c: task_locks.lock_tasks_with_instances(c, list(path.task_ids.values())[:50]),
            {("task", "PRIMARY"), ("task_instance", ATTEMPT), ("task_instance", "PRIMARY")},
        ),
    }


def test_hot_queries_go_by_their_index(filled: Path, database: Database) -> None:
    rows = filled.get(
        f"/task_instance/tended?cluster=local&status={TaskInstanceStatus.INSTANTIATED}&limit=1000"
    )
    ids = sorted(one["task_instance_id"] for one in rows["task_instances"])
    wrong = []
    for name, (call, expected) in hot(filled, ids).items():
        found = {step for step in plans(database, call) if step[0] in BIG}
        if found != expected:
            wrong.append(f"{name}: {sorted(found)}, not {sorted(expected)}")
    assert not wrong, "\n".join(wrong)


def test_a_batch_of_heartbeats_finds_its_instances_alone(filled: Path, database: Database) -> None:
    tended = filled.get("/task_instance/tended?cluster=local&limit=100")["task_instances"]
    ids = [one["task_instance_id"] for one in tended if one["status"] == TaskInstanceStatus.INSTANTIATED]
    for given in (ids, [*ids, 10**12]):
        assert set(plans(database, lambda c, given=given: extend_ordinary(c, given, 90))) == {  # type: ignore[misc]
            ("task_instance", "PRIMARY")
        }


def test_pages_of_a_workflow_begin_with_its_own_rows(filled: Path, database: Database) -> None:
    workflow_id = filled.workflow_id
    error = {"error_state": "ERROR", "error_message": "lost"}
    running = filled.get(f"/workflow/{workflow_id}/tasks?status=RUNNING&limit=3")["tasks"]
    for one in running:
        assert filled.report(one["task_instance_id"], "log_known_error", **error).status_code == 200
    errors = set(plans(database, lambda c: pages.list_errors(c, workflow_id, page=PageRequest(100, after=1))))
    assert errors == {
        ("workflow", "PRIMARY"),
        ("task_instance_error_log", "ix_task_instance_error_log_workflow_id"),
        ("task_instance", "PRIMARY"),
        ("task", "PRIMARY"),
    }
    tasks = {("workflow", "PRIMARY"), ("task", BY_WORKFLOW), ("task_instance", ATTEMPT)}
    for leaves, more in ((False, set()), (True, {("edge", "PRIMARY")})):
        facts: dict[str, Any] = {"statuses": None, "page": PageRequest(100, after=1), "only_leaves": leaves}
        found = set(plans(database, partial(pages.list_tasks, workflow_id=workflow_id, **facts)))
        assert found == tasks | more


def test_a_settle_finds_what_is_not_passed_on_and_whom_to_tell(filled: Path, database: Database) -> None:
    found = {
        step for step in plans(database, lambda c: dag.release_done(c, filled.workflow_id)) if step[0] in BIG
    }
    assert found == {("task", SCHEDULE), ("task", "PRIMARY"), ("edge", "PRIMARY")}


@pytest.mark.parametrize(
    ("reach", "indexes"),
    [
        (None, {"ix_task_instance_claim"}),
        (Reach(), {"ix_task_instance_claim_owner"}),
        (Reach("ann"), {"ix_task_instance_claim_owner"}),
        (Reach("ann", "physics"), {"ix_task_instance_claim_owner", "ix_task_instance_claim_owner_group"}),
    ],
)
def test_a_claim_is_led_past_what_waits_of_others(
    filled: Path, database: Database, reach: Reach | None, indexes: set[str]
) -> None:
    found = plans(database, lambda c: lock_by_status.claimable(c, "local", 50, reach=reach))
    assert {index for table, index in found if table == "task_instance"} == indexes


def test_a_place_in_the_queue_is_counted_by_what_waits_and_what_is_claimed(
    filled: Path, database: Database
) -> None:
    (waits,) = filled.get(f"/workflow/{filled.workflow_id}/tasks?status=QUEUED&limit=1")["tasks"]
    found = set(plans(database, lambda c: read_position(c, waits["task_id"])))
    # All that waits for a cluster is counted: SQLite may take any index that begins with the cluster.
    assert {(where, index.partition("_owner")[0]) for where, index in found} == {
        ("task", "PRIMARY"),
        ("task_instance", ATTEMPT),
        ("array_batch", "PRIMARY"),
        ("others_batch", "PRIMARY"),
        ("other", "ix_task_instance_claim"),
        ("other", "ix_task_instance_report_by"),
    }


@pytest.fixture
def mariadb_filled(mariadb_source: MariadbSource) -> Iterator[tuple[Path, Database]]:
    """The same rows on MariaDB, which counts the rows that it reads."""
    with mariadb_source.with_schema() as url:
        database = Database.connect(url)
        yield fill(Path(create_app(database).test_client()), database), database
        database.dispose()


def rows_read(database: Database, call: Callable[[Connection], Any]) -> int:
    """How many rows of tables and indexes a call reads."""

    def count(connection: Connection) -> int:
        rows = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read%%'")
        return sum(int(row[1]) for row in rows if row[0] != "Handler_read_rnd_deleted")

    def between(connection: Connection) -> int:
        before = count(connection)
        call(connection)
        return count(connection) - before

    before = database.read(lambda connection: count(connection) * -1 + count(connection))
    return database.read(between) - before


@pytest.mark.mariadb
def test_what_is_asked_at_every_turn_reads_few_rows(mariadb_filled: tuple[Path, Database]) -> None:
    path, database = mariadb_filled
    workflow_id = path.workflow_id
    assert rows_read(database, lambda c: workflow_locks.unsettled(c, MAY_BE_OVER, 100)) < 20 * WORKFLOWS
    assert rows_read(database, lambda c: workflow_locks.has_live_tasks(c, workflow_id)) < 20
    assert rows_read(database, lambda c: dag.ready_tasks(c, workflow_id, 5, [])) < 50
    assert rows_read(database, overdue) < 20
    locked = database.read(workflow_locks.lock_workflow, workflow_id)
    assert locked is not None
    assert rows_read(database, lambda c: workflow_locks.read_facts(c, locked)) < 60
