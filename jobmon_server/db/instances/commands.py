"""Commands to running instances: added, told and acknowledged under the lock of their instance, and never deleted.

A command is told again until it is acknowledged by its id. `task_instance.pending_commands` counts those that are not, so
that a heartbeat, which locks that row, asks for them only where there are some.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, case, func, insert, select, update
from sqlalchemy.engine import Connection

from jobmon_client.states import CommandStatus, Outcome
from jobmon_server.db.core import clock
from jobmon_server.db.core.planner_hints import by_index
from jobmon_server.db.core.rows import chunks
from jobmon_server.db.reads import lookups
from jobmon_server.db.reads.id_pages import PageRequest, RowPage, fetch_page
from jobmon_server.db.schema.tables import task_instance
from jobmon_server.db.schema.tables_control import command
from jobmon_server.fsm.task_instance import TASK_INSTANCE

Place = tuple[int, str]


@dataclass(frozen=True, slots=True)
class PendingCommand:
    """What a worker is told to do."""

    command_id: int
    command: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CommandAck:
    """A worker has a command, and says what it made of it."""

    command_id: int
    result: str | None = None


@dataclass(frozen=True, slots=True)
class AckOutcome:
    """What became of an acknowledgement."""

    command_id: int
    outcome: Outcome


_LOCK = by_index(
    select(
        task_instance.c.id,
        task_instance.c.status,
        task_instance.c.pending_commands,
        task_instance.c.owner,
        task_instance.c.owner_group,
        clock.now().label("now"),
    )
    .where(task_instance.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(task_instance.c.id)
    .with_for_update(),
    task_instance,
)
_IS_WAITING = command.c.acknowledged_at.is_(None)


def lock_instances(connection: Connection, task_instance_ids: Iterable[int]) -> dict[int, Row[Any]]:
    """Lock those of these instances that there are, by id, at most one transaction's size; their tasks are let be."""
    ids = sorted(set(task_instance_ids))
    return {row.id: row for row in connection.execute(_LOCK, {"ids": ids})} if ids else {}


def by_request(connection: Connection, places: Iterable[Place]) -> dict[Place, int]:
    """Return the ids of the commands that were added before under these names of requests, each of an instance."""
    asked = set(places)
    if not asked:
        return {}
    statement = select(command.c.id, command.c.task_instance_id, command.c.request_id).where(
        command.c.task_instance_id.in_({one for one, _ in asked}),
        command.c.request_id.in_({request_id for _, request_id in asked}),
    )
    return {(row.task_instance_id, row.request_id): row.id for row in connection.execute(statement)}


def add(connection: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> list[int]:
    """Add commands to instances that are locked; their ids, in the order given."""
    if not rows:
        return []
    connection.execute(insert(command), [{**row, "created_at": now} for row in rows])
    new = Counter(row["task_instance_id"] for row in rows)
    _count(connection, new, 1, now)
    # Nobody else adds to an instance that we hold: the last ones of each are ours.
    statement = (
        select(command.c.id, command.c.task_instance_id)
        .where(command.c.task_instance_id.in_(new), _IS_WAITING)
        .order_by(command.c.id)
    )
    waiting: defaultdict[int, list[int]] = defaultdict(list)
    for row in connection.execute(statement):
        waiting[row.task_instance_id].append(row.id)
    ours = {one: iter(waiting[one][-number:]) for one, number in new.items()}
    return [next(ours[row["task_instance_id"]]) for row in rows]


def deliver(
    connection: Connection, task_instance_ids: Sequence[int], now: datetime
) -> dict[int, list[PendingCommand]]:
    """Return what waits for these instances, oldest first, and write down that it is being told; they are locked."""
    statement = (
        select(command.c.id, command.c.task_instance_id, command.c.command, command.c.arguments)
        .where(command.c.task_instance_id.in_(task_instance_ids), _IS_WAITING)
        .order_by(command.c.id)
    )
    waiting: defaultdict[int, list[PendingCommand]] = defaultdict(list)
    for row in connection.execute(statement):
        waiting[row.task_instance_id].append(PendingCommand(row.id, row.command, row.arguments))
    told = {
        "num_deliveries": command.c.num_deliveries + 1,
        "delivered_at": func.coalesce(command.c.delivered_at, now),
    }
    for some in chunks([order.command_id for orders in waiting.values() for order in orders]):
        connection.execute(update(command).where(command.c.id.in_(some)).values(told))
    return waiting


def owners(connection: Connection, command_ids: Sequence[int]) -> dict[int, int]:
    """Return the instances that these commands are for."""
    found = _of_ids(connection, list(command_ids))
    return {command_id: row.task_instance_id for command_id, row in found.items()}


def acknowledge(
    connection: Connection, given: Sequence[tuple[int, CommandAck]], now: datetime
) -> list[AckOutcome]:
    """Take acknowledgements, each with the instance that it is said for; the instances are locked."""
    left = _of_ids(connection, sorted({one.command_id for _, one in given}))
    fresh: dict[int, str | None] = {}
    outcomes = []
    for task_instance_id, one in given:
        row = left.get(one.command_id)
        if row is None or row.task_instance_id != task_instance_id:
            outcome = Outcome.UNKNOWN
        elif row.acknowledged_at is not None or one.command_id in fresh:
            outcome = Outcome.DUPLICATE
        else:
            outcome = Outcome.APPLIED
            fresh[one.command_id] = one.result
        outcomes.append(AckOutcome(one.command_id, outcome))
    _write(connection, fresh, now)
    _count(connection, Counter(left[one].task_instance_id for one in fresh), -1, now)
    return outcomes


def _of_ids(connection: Connection, command_ids: list[int]) -> dict[int, Row[Any]]:
    found: dict[int, Row[Any]] = {}
    for some in chunks(command_ids):
        columns = (command.c.id, command.c.task_instance_id, command.c.acknowledged_at)
        rows = connection.execute(select(*columns).where(command.c.id.in_(some)))
        found |= {row.id: row for row in rows}
    return found


def _write(connection: Connection, results: Mapping[int, str | None], now: datetime) -> None:
    for some in chunks(list(results)):
        texts = {one: results[one] for one in some if results[one] is not None}
        result = case(texts, value=command.c.id) if texts else None
        statement = update(command).where(command.c.id.in_(some))
        connection.execute(statement.values(acknowledged_at=now, result=result))


def _count(connection: Connection, by_instance: Mapping[int, int], sign: int, now: datetime) -> None:
    """Change how many commands wait for each instance."""
    by_number: defaultdict[int, list[int]] = defaultdict(list)
    for task_instance_id, number in by_instance.items():
        by_number[number].append(task_instance_id)
    for number, ids in by_number.items():
        statement = update(task_instance).where(task_instance.c.id.in_(ids))
        pending = task_instance.c.pending_commands + sign * number
        connection.execute(statement.values(pending_commands=pending, updated_at=now))


def _status() -> ColumnElement[str]:
    """What became of a command so far; one that its instance did not live to acknowledge is obsolete."""
    is_over = task_instance.c.status.in_(TASK_INSTANCE.terminal)
    return case(
        (~_IS_WAITING, CommandStatus.ACKNOWLEDGED.value),
        (is_over, CommandStatus.OBSOLETE.value),
        (command.c.delivered_at.is_not(None), CommandStatus.DELIVERED.value),
        else_=CommandStatus.QUEUED.value,
    )


def list_commands(connection: Connection, task_instance_id: int, *, page: PageRequest) -> RowPage:
    """Return an instance's commands by id, the order in which they were asked for. Raises `Unknown`."""
    columns = [column for column in command.c if column.name not in {"id", "task_instance_id"}]
    statement = (
        select(command.c.id.label("command_id"), _status().label("status"), *columns)
        .join(task_instance, task_instance.c.id == command.c.task_instance_id)
        .where(command.c.task_instance_id == task_instance_id)
    )
    found = fetch_page(connection, statement, "command_id", page, command.c.id)
    lookups.known(connection, found.rows, task_instance_id)
    return found
