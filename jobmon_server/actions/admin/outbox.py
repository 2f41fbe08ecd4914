"""Callbacks: taken by one courier at a time, tried again later and later, given up after so many tries."""

from __future__ import annotations

from dataclasses import dataclass
from random import uniform

from sqlalchemy.engine import Connection

from jobmon_client.states import CallbackStatus, Outcome, WorkflowStatus
from jobmon_server.db.core import clock
from jobmon_server.db.workflows import outbox
from jobmon_server.errors import Unknown

#: Seconds between two tries at most.
LONGEST_PAUSE = 3_600.0


@dataclass(frozen=True, slots=True)
class DueCallback:
    """A callback that is to be tried now, for the `attempt`-th time."""

    callback_id: int
    workflow_id: int
    workflow_status: WorkflowStatus
    url: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of an operator's wish to have it tried again."""

    outcome: Outcome
    status: CallbackStatus


def take(connection: Connection, callback_id: int, seconds: float) -> DueCallback | None:
    """Take a callback that is due; nobody else does for so many seconds, and then whoever took it is taken for dead."""
    locked = outbox.lock(connection, callback_id)
    if locked is None or locked.next_try_at is None or locked.next_try_at > locked.now:
        return None
    attempt = locked.attempts + 1
    until = clock.seconds_after(locked.now, seconds)
    outbox.write(connection, locked, attempts=attempt, next_try_at=until)
    return DueCallback(locked.callback_id, locked.workflow_id, locked.workflow_status, locked.url, attempt)


def delivered(connection: Connection, callback_id: int) -> None:
    """Note that it was taken, whoever else tries it still."""
    locked = outbox.lock(connection, callback_id)
    if locked is not None and locked.status is not CallbackStatus.DELIVERED:
        outbox.write(
            connection,
            locked,
            status=CallbackStatus.DELIVERED,
            next_try_at=None,
            delivered_at=locked.now,
        )


def failed(
    connection: Connection, callback_id: int, *, attempt: int, error: str, most: int, delay: float
) -> None:
    """Note why this attempt failed, and when to try again; after the last one give up."""
    locked = outbox.lock(connection, callback_id)
    if locked is None or locked.status is not CallbackStatus.PENDING or locked.attempts != attempt:
        return
    if attempt >= most:
        given_up = {"status": CallbackStatus.FAILED, "next_try_at": None}
        outbox.write(connection, locked, last_error=error, **given_up)
    else:
        again = clock.seconds_after(locked.now, pause(attempt, delay))
        outbox.write(connection, locked, last_error=error, next_try_at=again)


def pause(attempt: int, delay: float) -> float:
    """Return the seconds until the next try: doubled each time, at most an hour, less up to a half by chance."""
    return min(delay * 2.0 ** (attempt - 1), LONGEST_PAUSE) * uniform(0.5, 1.0)


def retry(connection: Connection, workflow_id: int, callback_id: int) -> Retried:
    """Try one that was given up again, as often as at first. Raises `Unknown`."""
    locked = outbox.lock(connection, callback_id)
    if locked is None or locked.workflow_id != workflow_id:
        raise Unknown("callback", callback_id)
    if locked.status is CallbackStatus.FAILED:
        again = {"status": CallbackStatus.PENDING, "attempts": 0, "next_try_at": locked.now}
        outbox.write(connection, locked, **again)
        return Retried(Outcome.APPLIED, CallbackStatus.PENDING)
    is_pending = locked.status is CallbackStatus.PENDING
    return Retried(Outcome.DUPLICATE if is_pending else Outcome.INVALID, locked.status)
