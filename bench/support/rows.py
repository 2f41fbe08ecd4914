"""Rows by the hundred thousand: whole workflows in a given status, made by a few statements of MariaDB."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pymysql
from pymysql.cursors import Cursor

from jobmon_client.states import Reporter, TaskInstanceStatus, TaskStatus, WorkflowRunStatus, WorkflowStatus
from jobmon_server.bench.requests import HOLDER, INCREMENT

PIECE = 100_000
"""Rows a transaction."""
LARGEST_WORKFLOW = 100_000

_TASK_STATUS = {
    TaskInstanceStatus.QUEUED: TaskStatus.QUEUED,
    TaskInstanceStatus.INSTANTIATED: TaskStatus.INSTANTIATING,
    TaskInstanceStatus.LAUNCHED: TaskStatus.LAUNCHED,
    TaskInstanceStatus.RUNNING: TaskStatus.RUNNING,
}


@dataclass(frozen=True, slots=True)
class Block:
    """Instances that stand side by side: their ids, and those of their tasks, are `first`, `first` + 1, …"""

    first: int
    count: int
    workflow_id: int
    workflow_run_id: int
    array_id: int
    batch_num: int = 1

    @property
    def ids(self) -> range:
        """The ids."""
        return range(self.first, self.first + self.count)

    def pieces(self, size: int) -> Iterator[range]:
        """The ids, so many at a time."""
        for start in range(self.first, self.first + self.count, size):
            yield range(start, min(start + size, self.first + self.count))


def fill(
    connection: pymysql.Connection[Cursor],
    count: int,
    status: TaskInstanceStatus,
    *,
    cluster: str = "local",
) -> Block:
    """Make one workflow with so many tasks, each with one instance of this status."""
    with connection.cursor() as cursor:
        workflow_id, run_id, array_id = _parents(cursor, cluster)
        cursor.execute(
            "SELECT GREATEST((SELECT COALESCE(MAX(id), 0) FROM task), (SELECT COALESCE(MAX(id), 0) FROM task_instance)) + 1"
        )
        ((first,),) = cursor.fetchall()
        block = Block(int(first), count, workflow_id, run_id, array_id)
        for start in range(0, count, PIECE):
            _rows(cursor, block, start, min(PIECE, count - start), status, cluster)
    return block


def _parents(cursor: Cursor, cluster: str) -> tuple[int, int, int]:
    cursor.execute(
        "INSERT INTO workflow (name, status, created_at, updated_at) VALUES ('bench', %s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
        (WorkflowStatus.RUNNING.code,),
    )
    workflow_id = int(cursor.lastrowid)
    cursor.execute(
        "INSERT INTO workflow_run (workflow_id, status, report_by, next_report_increment, created_at, updated_at)"
        " VALUES (%s, %s, UTC_TIMESTAMP(6) + INTERVAL %s SECOND, %s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
        (workflow_id, WorkflowRunStatus.RUNNING.code, INCREMENT, INCREMENT),
    )
    run_id = int(cursor.lastrowid)
    cursor.execute("UPDATE workflow SET last_run_id = %s WHERE id = %s", (run_id, workflow_id))
    cursor.execute("INSERT INTO array (workflow_id, name, last_batch_num) VALUES (%s, '', 1)", (workflow_id,))
    array_id = int(cursor.lastrowid)
    cursor.execute(
        "INSERT INTO array_batch (array_id, batch_num, workflow_run_id, cluster, queue) VALUES (%s, 1, %s, %s, '')",
        (array_id, run_id, cluster),
    )
    return workflow_id, run_id, array_id


def _rows(
    cursor: Cursor, block: Block, start: int, count: int, status: TaskInstanceStatus, cluster: str
) -> None:
    numbers = f"seq_{start}_to_{start + count - 1}"  # the sequence engine's way to name a table of numbers
    facts = {
        "first": block.first,
        "workflow": block.workflow_id,
        "run": block.workflow_run_id,
        "array": block.array_id,
        "task_status": _TASK_STATUS[status].code,
        "status": status.code,
        "by": _last_reporter(status).value,
        "cluster": cluster,
        "increment": None if status is TaskInstanceStatus.QUEUED else INCREMENT,
        "worker": HOLDER if status is TaskInstanceStatus.RUNNING else None,
        "distributor": None if status is TaskInstanceStatus.QUEUED else HOLDER,
        "queued": TaskInstanceStatus.QUEUED.code,
        "registering": TaskStatus.REGISTERING.code,
        "queued_task": TaskStatus.QUEUED.code,
        "owner": Reporter.WORKFLOW_RUN.value,
    }
    cursor.execute("BEGIN")
    for statement in (_TASKS, _INSTANCES, _JOURNAL):
        cursor.execute(statement.replace("NUMBERS", numbers), facts)
    cursor.execute("COMMIT")


def _last_reporter(status: TaskInstanceStatus) -> Reporter:
    if status is TaskInstanceStatus.QUEUED:
        return Reporter.WORKFLOW_RUN
    return Reporter.WORKER if status is TaskInstanceStatus.RUNNING else Reporter.DISTRIBUTOR


_TASKS = """
INSERT INTO task (id, workflow_id, array_id, name, command, status, num_attempts, max_attempts, last_attempt, cluster, queue,
    definition_digest, created_at, updated_at)
SELECT %(first)s + seq, %(workflow)s, %(array)s, CONCAT('task-', seq), 'true', %(task_status)s, 1, 3, 1, %(cluster)s, '', 'bench',
    UTC_TIMESTAMP(6), UTC_TIMESTAMP(6)
FROM NUMBERS
"""
_INSTANCES = """
INSERT INTO task_instance (id, task_id, workflow_run_id, array_id, batch_num, array_step_id, attempt, status, status_by, report_by,
    next_report_increment, cluster, distributor, worker_id, queued_at, status_at, updated_at)
SELECT %(first)s + seq, %(first)s + seq, %(run)s, %(array)s, 1, seq, 1, %(status)s, %(by)s,
    UTC_TIMESTAMP(6) + INTERVAL %(increment)s SECOND + INTERVAL seq MICROSECOND, %(increment)s, %(cluster)s, %(distributor)s,
    %(worker)s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), UTC_TIMESTAMP(6)
FROM NUMBERS
"""
_JOURNAL = """
INSERT INTO journal (task_instance_id, was, wanted, outcome, task_from, task_to, reporter, time)
SELECT %(first)s + seq, NULL, %(queued)s, 'applied', %(registering)s, %(queued_task)s, %(owner)s, UTC_TIMESTAMP(6)
FROM NUMBERS
"""


def analyze(connection: pymysql.Connection[Cursor]) -> None:
    """Let the optimizer know what there is now."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE TABLE workflow, workflow_run, task, task_instance, journal")
        cursor.fetchall()
