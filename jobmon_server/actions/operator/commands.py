"""Operators tell running commands what to do; workers say that they have heard it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy.engine import Connection, Row

from jobmon_client.states import Outcome, TaskInstanceStatus
from jobmon_server.actions.operator.targets import NOT_SERVED
from jobmon_server.db.core.rows import BATCH
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.instances import commands
from jobmon_server.db.instances.commands import AckOutcome, CommandAck
from jobmon_server.fsm.task_instance import TASK_INSTANCE
from jobmon_server.principal import Reach

#: How many commands may wait for one instance: what has so many is not listening.
MOST_WAITING = 100


@dataclass(frozen=True, slots=True)
class NewCommand:
    """What somebody wants of an instance; the same `request_id` again means the same command."""

    task_instance_id: int
    command: str
    arguments: dict[str, Any]
    request_id: str | None = None

    @property
    def place(self) -> tuple[int, str] | None:
        """Under what it is found again."""
        return None if self.request_id is None else (self.task_instance_id, self.request_id)


@dataclass(frozen=True, slots=True)
class Enqueued:
    """What became of it: the command's id, and how the instance stands."""

    outcome: Outcome
    task_instance_id: int
    command_id: int | None = None
    status: TaskInstanceStatus | None = None
    message: str | None = None


def enqueue_many(
    database: Database,
    wanted: Sequence[NewCommand],
    created_by: str | None = None,
    reach: Reach | None = None,
) -> list[Enqueued]:
    """Have each told to its instance, in bounded transactions; what became of each, in the order given.

    Those for instances that are not within the caller's `reach` are fenced.
    """
    return [
        one
        for start in range(0, len(wanted), BATCH)
        for one in database.transact(enqueue, wanted[start : start + BATCH], created_by, reach)
    ]


def enqueue(
    connection: Connection,
    wanted: Sequence[NewCommand],
    created_by: str | None,
    reach: Reach | None = None,
) -> list[Enqueued]:
    """Add commands for instances that live; they are told with the next sign of life of each that runs."""
    locked = commands.lock_instances(connection, [one.task_instance_id for one in wanted])
    known = commands.by_request(connection, [one.place for one in wanted if one.place is not None])
    asked: set[tuple[int, str] | None] = set(known)
    waiting = {row.id: row.pending_commands for row in locked.values()}
    found: list[Enqueued] = []
    for one in wanted:
        row = locked.get(one.task_instance_id)
        if row is None:
            found.append(Enqueued(Outcome.UNKNOWN, one.task_instance_id))
            continue
        if _is_foreign(row, reach):
            found.append(Enqueued(Outcome.FENCED, row.id, None, row.status, NOT_SERVED))
            continue
        is_again = one.place is not None and one.place in asked
        found.append(
            Enqueued(Outcome.DUPLICATE, row.id, None, row.status)
            if is_again
            else _judge(row.id, row.status, waiting[row.id])
        )
        if found[-1].outcome is Outcome.APPLIED:
            waiting[row.id] += 1
            asked.add(one.place)
    new = [one for one, verdict in zip(wanted, found, strict=True) if verdict.outcome is Outcome.APPLIED]
    added = iter(_add(connection, new, created_by, locked))
    return [_with_id(one, verdict, added, known) for one, verdict in zip(wanted, found, strict=True)]


def _is_foreign(row: Row[Any], reach: Reach | None) -> bool:
    return reach is not None and not reach.covers(row.owner, row.owner_group)


def _judge(task_instance_id: int, status: TaskInstanceStatus, waiting: int) -> Enqueued:
    """Decide whether an instance can be told anything more."""
    if status not in TASK_INSTANCE.live:
        ended = f"The instance has ended: it is {status}."
        return Enqueued(Outcome.INVALID, task_instance_id, None, status, ended)
    if waiting >= MOST_WAITING:
        full = f"{waiting} commands wait for the instance already, and no more may."
        return Enqueued(Outcome.INVALID, task_instance_id, None, status, full)
    return Enqueued(Outcome.APPLIED, task_instance_id, None, status)


def _add(
    connection: Connection,
    new: Sequence[NewCommand],
    created_by: str | None,
    locked: Mapping[int, Row[Any]],
) -> list[int]:
    rows = [{**asdict(one), "created_by": created_by} for one in new]
    # One instant for all, after every lock.
    now = max((row.now for row in locked.values()), default=None)
    return [] if now is None else commands.add(connection, rows, now)


def _with_id(
    one: NewCommand, verdict: Enqueued, added: Iterator[int], known: dict[tuple[int, str], int]
) -> Enqueued:
    """Return the verdict with its command's id; what is added here is known to those that mean the same."""
    if verdict.outcome is Outcome.APPLIED:
        command_id = next(added)
        if one.place is not None:
            known[one.place] = command_id
        return replace(verdict, command_id=command_id)
    if verdict.outcome is Outcome.DUPLICATE and one.place is not None:
        return replace(verdict, command_id=known[one.place])
    return verdict


def acknowledge_many(
    database: Database, given: Sequence[CommandAck], reach: Reach | None = None
) -> list[AckOutcome]:
    """Take acknowledgements of any instances' commands, in bounded transactions; in the order given.

    Those of instances that are not within the caller's `reach` are fenced.
    """
    owners = database.read(commands.owners, sorted({one.command_id for one in given}))
    return [
        outcome
        for start in range(0, len(given), BATCH)
        for outcome in database.transact(acknowledge, given[start : start + BATCH], owners, reach)
    ]


def acknowledge(
    connection: Connection,
    given: Sequence[CommandAck],
    owners: Mapping[int, int],
    reach: Reach | None = None,
) -> list[AckOutcome]:
    """Take acknowledgements of commands whose instances are known, now that these are locked."""
    locked = commands.lock_instances(
        connection, {owners[one.command_id] for one in given if one.command_id in owners}
    )
    now = max((row.now for row in locked.values()), default=None)
    if now is None:
        return [AckOutcome(one.command_id, Outcome.UNKNOWN) for one in given]
    foreign = {row.id for row in locked.values() if _is_foreign(row, reach)}
    heard = [one for one in given if owners.get(one.command_id) not in foreign]
    pairs = [(owners.get(one.command_id, 0), one) for one in heard]
    taken = iter(commands.acknowledge(connection, pairs, now))
    return [
        AckOutcome(one.command_id, Outcome.FENCED) if owners.get(one.command_id) in foreign else next(taken)
        for one in given
    ]
