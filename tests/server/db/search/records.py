"""Random workflows, tasks and instances, written past the server; and the same as objects of the wire, made without its help."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from random import Random
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

from jobmon_client.states import (
    WORKFLOW_OVER,
    AccountingStatus,
    TaskInstanceStatus,
    TaskStatus,
    WorkflowRunStatus,
    WorkflowStatus,
)
from jobmon_server.db.schema.attribute_index import index_attributes
from jobmon_server.db.schema.tables import array, array_batch, task, task_instance
from jobmon_server.db.schema.tables_control import task_attribute, workflow_attribute
from jobmon_server.db.schema.tables_workflow import workflow, workflow_run

Row = dict[str, Any]
PAST, FUTURE = datetime(2001, 2, 3), datetime(2099, 1, 2)  # noqa: DTZ001  # the database's instants are naive UTC
INSTANTS = [
    *(
        "2024-02-28 23:59:59.999999",
        "2024-02-29 00:00:00",
        "2024-02-29 12:30:15.250000",
        "2024-03-01 00:00:00",
    ),
    *("2024-12-31 23:59:59", "2025-01-01 00:00:00", "2025-01-01 00:01:00", "2025-06-15 08:00:00.000001"),
]
NAMES = ["a", "A", "ab", "a b", "a%", "a_b", "axb", "a*", "[a]", "é", "e", "😀", "%", "b-7", "a\nb", "ABC"]
WORDS = ["x", "X", "y z", "é", "%"]
CLUSTER_IDS = ["12", "12_1", "12_10", "123", "123_4", "12`", "1_2", None]
VALUES = ["v", "V", "1", 1, True, 1.5, ""]
LIVE = {
    *(TaskInstanceStatus.INSTANTIATED, TaskInstanceStatus.LAUNCHED, TaskInstanceStatus.RUNNING),
    *(TaskInstanceStatus.TRIAGING, TaskInstanceStatus.NO_HEARTBEAT, TaskInstanceStatus.KILL_SELF),
}


class Maker:
    """Makes rows at random."""

    def __init__(self, connection: Connection, seed: int) -> None:
        self.connection = connection
        self.random = Random(seed)

    def fill(self, workflows: int = 6, tasks: int = 40) -> None:
        """Write them."""
        for number in range(workflows):
            self.workflow(NAMES[number])
        for number in range(tasks):
            self.task(
                NAMES[number] if number < len(NAMES) else f"{self.random.choice(NAMES)}{number}", number
            )

    def some(self, values: Any, *, null: bool = True) -> Any:
        return None if null and self.random.random() < 0.25 else self.random.choice(list(values))

    def instant(self, *, null: bool = False) -> Any:
        chosen = self.some(INSTANTS, null=null)
        return chosen and datetime.fromisoformat(chosen)

    def attributes(self) -> Any:
        chosen = {name: self.random.choice(VALUES) for name in ("k", "K", "l") if self.random.random() < 0.5}
        return self.some([chosen])

    def add(self, table: Any, **values: Any) -> int:
        key = self.connection.execute(insert(table).values(values)).inserted_primary_key
        assert key is not None
        return int(key[0])

    def workflow(self, name: str) -> None:
        status = self.random.choice(list(WorkflowStatus))
        over = self.instant() if status in WORKFLOW_OVER else None
        attributes = self.attributes()
        workflow_id = self.add(
            workflow,
            name=name,
            status=status,
            held=self.random.random() < 0.5,
            attributes=attributes,
            owner=self.some(WORDS),
            tenant=self.some(WORDS),
            finished_at=over,
            expires_at=over,
            expired_at=over and self.some([over]),
            created_at=self.instant(),
            updated_at=self.instant(),
        )
        index_attributes(self.connection, workflow_attribute, [(workflow_id, attributes)])
        run_status = self.random.choice(list(WorkflowRunStatus))
        is_live = run_status in {WorkflowRunStatus.BOUND, WorkflowRunStatus.RUNNING}
        run_id = self.add(
            workflow_run,
            workflow_id=workflow_id,
            status=run_status,
            report_by=self.random.choice([PAST, FUTURE]) if is_live else None,
            next_report_increment=1.0,
            created_at=self.instant(),
            updated_at=self.instant(),
        )
        last = workflow.update().where(workflow.c.id == workflow_id).values(last_run_id=run_id)
        if self.random.random() < 0.9 or is_live:
            self.connection.execute(last)
        for of_array in ("", "fit"):
            array_id = self.add(array, workflow_id=workflow_id, name=of_array)
            batch = {"array_id": array_id, "batch_num": 1, "workflow_run_id": run_id}
            self.add(array_batch, **batch, cluster=self.random.choice(WORDS), queue=self.random.choice(WORDS))

    def task(self, name: str, number: int) -> None:
        batch = self.random.choice(list(self.connection.execute(select(array_batch))))
        of_workflow = select(array.c.workflow_id).where(array.c.id == batch.array_id)
        attributes, attempts = self.attributes(), self.random.randint(0, 3)
        task_id = self.add(
            task,
            workflow_id=self.connection.execute(of_workflow).scalar_one(),
            array_id=batch.array_id,
            name=name,
            type=self.random.choice(["command", "x"]),
            command="true",
            status=self.random.choice(list(TaskStatus)),
            num_attempts=attempts,
            max_attempts=3,
            last_attempt=attempts,
            priority=self.random.randint(-2, 2),
            cluster=self.random.choice(WORDS),
            queue=self.random.choice(["", "x"]),
            attributes=attributes,
            definition_digest=str(number),
            created_at=self.instant(),
            updated_at=self.instant(),
        )
        index_attributes(self.connection, task_attribute, [(task_id, attributes)])
        for attempt in range(1, attempts + 1):
            self.instance(task_id, attempt, batch, number * 10 + attempt, is_last=attempt == attempts)

    def instance(self, task_id: int, attempt: int, batch: Any, step: int, *, is_last: bool) -> None:
        # A task has one live instance at most, its last.
        ended = set(TaskInstanceStatus) - LIVE - {TaskInstanceStatus.QUEUED}
        status = self.random.choice(sorted(TaskInstanceStatus if is_last else ended))
        self.add(
            task_instance,
            task_id=task_id,
            workflow_run_id=batch.workflow_run_id,
            array_id=batch.array_id,
            batch_num=batch.batch_num,
            array_step_id=step,
            attempt=attempt,
            status=status,
            status_by="worker",
            report_by=self.random.choice([PAST, FUTURE]) if status in LIVE else None,
            cluster=self.random.choice(WORDS),
            distributor_id=self.random.choice(CLUSTER_IDS),
            nodename=self.some(NAMES),
            reason_code=self.some(WORDS),
            accounting=self.random.choice(list(AccountingStatus)),
            queued_at=self.instant(),
            started_at=self.instant(null=True),
            finished_at=self.instant(null=True),
            status_at=self.instant(),
            updated_at=self.instant(),
        )


def read(connection: Connection) -> dict[str, list[Row]]:
    """Return all rows by entity, as the wire names their fields, with what can only be asked under `?name`."""
    tables = {
        table.name: {row["id"]: dict(row) for row in connection.execute(select(table)).mappings()}
        for table in (workflow, workflow_run, array, task, task_instance)
    }
    batches = {row.array_id: row for row in connection.execute(select(array_batch))}
    last: dict[int, Row] = {}
    attempts: defaultdict[int, list[Row]] = defaultdict(list)
    for row in tables["task_instance"].values():
        attempts[row["task_id"]].append(row)
        if row["attempt"] == tables["task"][row["task_id"]]["last_attempt"]:
            last[row["task_id"]] = row
    return {
        "workflow": [_workflow(row, tables["workflow_run"]) for row in tables["workflow"].values()],
        "task": [
            _task(
                row, tables["workflow"][row["workflow_id"]], tables["array"][row["array_id"]], last.get(one)
            )
            for one, row in tables["task"].items()
        ],
        "task_instance": [
            _instance(row, tables["task"][row["task_id"]], tables, batches[row["array_id"]])
            for row in tables["task_instance"].values()
        ],
    }


def wire(value: Any) -> Any:
    """A value as JSON has it."""
    return value.isoformat(timespec="microseconds") + "Z" if isinstance(value, datetime) else value


def _wire(row: Row) -> Row:
    return {name: value if name.startswith("?") else wire(value) for name, value in row.items()}


def _held(row: Row | None) -> Row:
    deadline = row and row["report_by"]
    return {"?held": deadline == FUTURE, "?stale": deadline == PAST}


def _workflow(row: Row, runs: dict[int, Row]) -> Row:
    run = runs.get(row["last_run_id"])
    named = {"workflow_id": row["id"], "paused": row["held"], "workflow_run_id": row["last_run_id"]}
    return _wire(
        {
            **row,
            **named,
            "workflow_run_status": run and run["status"],
            **_held(run),
            "?expired": bool(row["expired_at"]),
        }
    )


def _task(row: Row, of_workflow: Row, of_array: Row, last: Row | None) -> Row:
    current = last or {}
    named = {
        "task_id": row["id"],
        "array": of_array["name"],
        "owner": of_workflow["owner"],
        "task_instance_id": current.get("id"),
        "task_instance_status": current.get("status"),
        "retried_at": current["queued_at"] if last and last["attempt"] > 1 else None,
    }
    named |= {name: current.get(name) for name in ("nodename", "started_at", "finished_at")}
    return _wire({**row, **named, **_held(last)})


def _instance(row: Row, of_task: Row, tables: Any, batch: Any) -> Row:
    of_workflow = tables["workflow"][of_task["workflow_id"]]
    named = {
        "task_instance_id": row["id"],
        "workflow_id": of_workflow["id"],
        "name": of_task["name"],
        "type": of_task["type"],
        "task_status": of_task["status"],
        "array": tables["array"][row["array_id"]]["name"],
        "queue": batch.queue,
        "owner": of_workflow["owner"],
        "?last": row["attempt"] == of_task["last_attempt"],
    }
    return _wire({**row, **named, **_held(row)})
