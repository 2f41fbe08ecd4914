"""Tasks taken out of a workflow that is locked: with their attempts, and with their places in the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.engine import Connection

from jobmon_client.states import TaskStatus
from jobmon_server.db.schema.tables import edge, task, task_instance
from jobmon_server.db.workflows import dag
from jobmon_server.db.workflows.task_locks import lock_rows, lock_tasks_with_instances
from jobmon_server.db.workflows.workflow_removal import remove_tasks
from jobmon_server.fsm.acts import TaskWithInstance


@dataclass(frozen=True, slots=True)
class RemovableTask:
    """A task with its current instance, locked; `children` are the names, by id, of those who wait for it directly."""

    task_id: int
    subject: TaskWithInstance
    children: Mapping[int, str]

    @property
    def status(self) -> TaskStatus:
        """The task's status."""
        return self.subject.task


def lock_places(connection: Connection, task_ids: Sequence[int], *, lock: bool = True) -> list[RemovableTask]:
    """Lock these tasks with all of their instances, each of which goes with its task; without `lock` only read them."""
    if lock:
        found = select(task_instance.c.id).where(task_instance.c.task_id.in_(task_ids))
        ids = list(connection.execute(found).scalars())
        lock_rows(connection, (task_instance.c.id,), task_instance, ids)
    locked = lock_tasks_with_instances(connection, task_ids, lock=lock)
    waiting = _children(connection, task_ids)
    return [RemovableTask(one.task_id, one.subject, waiting.get(one.task_id, {})) for one in locked]


def _children(connection: Connection, task_ids: Sequence[int]) -> dict[int, dict[int, str]]:
    found: dict[int, dict[int, str]] = {}
    statement = (
        select(edge.c.upstream_id, task.c.id, task.c.name)
        .join(task, task.c.id == edge.c.downstream_id)
        .where(edge.c.upstream_id.in_(task_ids))
        .order_by(task.c.id)
    )
    for row in connection.execute(statement):
        found.setdefault(row.upstream_id, {})[row.id] = row.name
    return found


def take_out(connection: Connection, task_ids: Sequence[int]) -> None:
    """Delete tasks and all that goes with them; who waited for one of them waits for one less."""
    dag.forget(connection, task_ids)
    remove_tasks(connection, task_ids)
