"""The named inputs of tasks. The workflow is locked already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice

from sqlalchemy import insert, select, tuple_, update
from sqlalchemy.engine import Connection

from jobmon_client.states import InputStatus
from jobmon_server.db.core.rows import BATCH
from jobmon_server.db.schema.tables_control import task_input

#: A task and the name of one of its inputs.
Key = tuple[int, str]

_KEY = tuple_(task_input.c.task_id, task_input.c.name)


def add_inputs(connection: Connection, keys: Iterable[Key], now: datetime) -> None:
    """Insert inputs that nobody has looked for yet, one statement for each batch of them."""
    rest = iter(keys)
    while some := list(islice(rest, BATCH)):
        facts = {"status": InputStatus.UNCHECKED, "updated_at": now}
        rows = [{"task_id": task_id, "name": name, **facts} for task_id, name in some]
        connection.execute(insert(task_input), rows)


def statuses(connection: Connection, keys: Sequence[Key]) -> dict[Key, InputStatus]:
    """Return the statuses of those of these inputs that there are."""
    statement = select(task_input.c.task_id, task_input.c.name, task_input.c.status).where(_KEY.in_(keys))
    return {(row.task_id, row.name): row.status for row in connection.execute(statement)}


def write_statuses(connection: Connection, wanted: Mapping[Key, InputStatus], now: datetime) -> None:
    """Set statuses, one statement for each different one."""
    for status in sorted(set(wanted.values())):
        keys = [key for key, its in wanted.items() if its is status]
        statement = update(task_input).where(_KEY.in_(keys))
        connection.execute(statement.values(status=status, updated_at=now))
