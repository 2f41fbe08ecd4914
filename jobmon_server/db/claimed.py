"""What distributors read of what they claimed: instances by their batches and steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter

from sqlalchemy import func, select, tuple_
from sqlalchemy.engine import Connection

from jobmon_server.db.bulk import with_ids
from jobmon_server.db.dag import chunks
from jobmon_server.db.models import array, array_batch, task, task_instance
from jobmon_server.db.pairs import by_index
from jobmon_server.db.reads import Row, every
from jobmon_server.db.types import Json
from jobmon_server.errors import Unknown

_PLACE = ("array_id", "batch_num", "array_step_id")
_ITSELF = [*(task_instance.c[name] for name in _PLACE), task_instance.c.id]
_PLACES = by_index(
    select(func.json_array(*_ITSELF, type_=Json())).where(with_ids(task_instance)), task_instance
)
#: What a worker needs, in the order of the names below; the command, of any length, is a column of its own.
_OF_INSTANCE = (task_instance.c.task_id, task_instance.c.workflow_run_id, task_instance.c.attempt)
_DETAILED = by_index(
    select(
        func.json_array(*_ITSELF, *_OF_INSTANCE, task.c.workflow_id, task.c.name, type_=Json()),
        task.c.command,
    )
    .join_from(task_instance, task, task.c.id == task_instance.c.task_id)
    .where(with_ids(task_instance)),
    task_instance,
)
_NAMES = ("array_step_id", "task_instance_id", "task_id", "workflow_run_id", "attempt", "workflow_id", "name")
_KEY = tuple_(array_batch.c.array_id, array_batch.c.batch_num)


def read_batches(connection: Connection, task_instance_ids: Sequence[int], *, detail: bool) -> list[Row]:
    """Return instances grouped by array batch, in order of array, batch and step; `detail` adds what a worker needs."""
    statement = _DETAILED if detail else _PLACES
    rows = [row for some in chunks(task_instance_ids) for row in connection.execute(statement, {"ids": some})]
    members: dict[tuple[int, int], list[Row]] = {}
    for place, *command in sorted(rows, key=itemgetter(0)):
        member = dict(zip(_NAMES, place[2:], strict=False))
        if detail:
            (member["command"],) = command
        members.setdefault((place[0], place[1]), []).append(member)
    facts = _batches(connection, members)
    return [{**facts[key], "task_instances": some} for key, some in members.items()]


def _batches(connection: Connection, keys: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Row]:
    """Return what all instances of a batch have in common."""
    columns = (array_batch.c.cluster, array_batch.c.queue, array_batch.c.requested_resources)
    found: dict[tuple[int, int], Row] = {}
    for some in chunks(list(keys)):
        statement = (
            select(
                array_batch.c.array_id, array_batch.c.batch_num, array.c.name.label("array_name"), *columns
            )
            .join_from(array_batch, array, array.c.id == array_batch.c.array_id)
            .where(_KEY.in_(some))
        )
        found |= {(row["array_id"], row["batch_num"]): row for row in every(connection, statement)}
    return found


def find_batch_steps(
    connection: Connection, array_id: int, batch_num: int, steps: Sequence[int]
) -> dict[int, int]:
    """Return the instance ids of these steps of a batch, by step. Raises `Unknown` for a batch that is none."""
    batch = select(array_batch.c.batch_num).where(
        array_batch.c.array_id == array_id, array_batch.c.batch_num == batch_num
    )
    if connection.execute(batch).one_or_none() is None:
        raise Unknown("array batch", f"{array_id}/{batch_num}")
    found: dict[int, int] = {}
    for some in chunks(steps):
        statement = select(task_instance.c.array_step_id, task_instance.c.id).where(
            task_instance.c.array_id == array_id,
            task_instance.c.batch_num == batch_num,
            task_instance.c.array_step_id.in_(some),
        )
        found |= {row.array_step_id: row.id for row in connection.execute(statement)}
    return found
