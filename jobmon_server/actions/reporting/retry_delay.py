"""Changes after which a task is tried again say from when on, in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.engine import Connection

from jobmon_server.db.core.clock import seconds_after
from jobmon_server.db.instances.scaling import read_retry_delays
from jobmon_server.db.instances.writes import Change
from jobmon_server.fsm.retry_delay import delay_after
from jobmon_server.fsm.task import LIVE, QUEUEABLE


def with_retry_delays(connection: Connection, changes: Sequence[Change]) -> list[Change]:
    """Return the changes, those of tasks with a delay with `ready_at`; one statement if there are any."""
    delayed = [change.was.task_id for change in changes if _is_delayed(change)]
    if not delayed:
        return list(changes)
    delays = read_retry_delays(connection, delayed)
    return [
        replace(
            change,
            task=change.task
            | {
                "ready_at": seconds_after(
                    change.was.now,
                    delay_after(change.plan.num_attempts, delays[change.was.task_id], change.was.task_id),
                )
            },
        )
        if _is_delayed(change)
        else change
        for change in changes
    ]


def _is_delayed(change: Change) -> bool:
    """Whether an attempt failed and was used up: one that was given back, or starts afresh, is tried at once."""
    pair = change.was.pair
    failed = pair.task in LIVE and change.task.get("status") in QUEUEABLE
    return failed and change.was.has_retry_delay and change.plan.num_attempts == pair.num_attempts
