"""Ready tasks get their next instance, set-based, within the limits, under the workflow's lock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from jobmon_server.actions.workflow.runs import revive
from jobmon_server.actions.workflow.settle import settle_locked
from jobmon_server.db.core.rows import BATCH
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.workflows import dag, queueing, workflow_locks
from jobmon_server.db.workflows.dag import ReadyTask
from jobmon_server.db.workflows.queueing import QueuedBatch
from jobmon_server.db.workflows.workflow_locks import LockedWorkflow
from jobmon_server.errors import Unknown


@dataclass(frozen=True, slots=True)
class Queued:
    """What one transaction queued; `is_all` when nothing more could be."""

    batches: list[QueuedBatch]
    is_all: bool


def queue_tasks(database: Database, workflow_run_id: int, limit: int | None = None) -> list[QueuedBatch]:
    """Queue ready tasks, up to `limit` or all of them, in transactions of bounded size."""
    batches: list[QueuedBatch] = []
    left = limit
    while left is None or left > 0:
        size = BATCH if left is None else min(BATCH, left)
        queued = database.transact(queue_some, workflow_run_id, size)
        batches += queued.batches
        if queued.is_all:
            break
        if left is not None:
            left -= sum(len(batch.task_instance_ids) for batch in queued.batches)
    return batches


def queue_some(connection: Connection, workflow_run_id: int, limit: int) -> Queued:
    """Queue up to `limit` ready tasks in one transaction. Raises `Unknown`, and `Invalid` for a run that has ended."""
    run = workflow_locks.lock_run(connection, workflow_run_id)
    if run is None:
        raise Unknown("workflow run", workflow_run_id)
    run = revive(connection, run, run.next_report_increment)
    locked = workflow_locks.lock_workflow_of(connection, run.workflow_id, run)
    if locked is None:
        raise Unknown("workflow", run.workflow_id)
    dag.release_done(connection, locked.workflow_id)
    dag.wake_due(connection, locked.workflow_id, locked.now)
    tasks = [] if locked.held else list(_within_limits(connection, locked, limit))
    batches = [queueing.add_batch(connection, locked, members) for members in _batches(tasks)]
    if not batches:
        settle_locked(connection, locked)
    return Queued(batches, is_all=len(tasks) < limit)


def _within_limits(connection: Connection, locked: LockedWorkflow, limit: int) -> Iterator[ReadyTask]:
    """Yield ready tasks by priority then id, none beyond the limit of the workflow or of its array."""
    if locked.max_concurrently_running is not None:
        live = dag.count_live(connection, locked.workflow_id)
        limit = min(limit, locked.max_concurrently_running - live)
    room = workflow_locks.array_limits(connection, locked.workflow_id)
    if room:
        for array_id, live in dag.count_live_by_array(connection, locked.workflow_id).items():
            if array_id in room:
                room[array_id] -= live
    taken: set[int] = set()
    while limit > 0:
        full = [array_id for array_id, left in room.items() if left <= 0]
        found = dag.ready_tasks(connection, locked.workflow_id, limit + len(taken), full)
        fresh = [row for row in found if row.id not in taken]
        fits = list(_fitting(fresh, room, limit))
        taken.update(row.id for row in fits)
        limit -= len(fits)
        yield from fits
        if len(fits) == len(fresh):
            return


def _fitting(rows: list[ReadyTask], room: dict[int, int], limit: int) -> Iterator[ReadyTask]:
    for row in rows:
        if limit <= 0:
            return
        if row.array_id in room:
            if room[row.array_id] <= 0:
                continue
            room[row.array_id] -= 1
        limit -= 1
        yield row


def _batches(tasks: list[ReadyTask]) -> Iterator[list[ReadyTask]]:
    """Group tasks into batches of one array, cluster, queue and resources, in the order of their first members."""
    groups: defaultdict[tuple[int | str | None, ...], list[ReadyTask]] = defaultdict(list)
    for one in tasks:
        groups[one.array_id, one.cluster, one.queue, one.requested_resources].append(one)
    yield from groups.values()
