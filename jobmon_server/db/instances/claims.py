"""What distributors read of what they claimed: instances by their batches and steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, select, tuple_
from sqlalchemy.engine import Connection

from jobmon_server.db.core.guarded_update import among_ids, with_ids
from jobmon_server.db.core.planner_hints import by_index
from jobmon_server.db.core.row_packing import Gathered
from jobmon_server.db.core.rows import RowDict, chunks
from jobmon_server.db.core.types import Json
from jobmon_server.db.instances.lock_by_status import LockedQueued
from jobmon_server.db.schema.tables import array, array_batch, task, task_instance
from jobmon_server.db.schema.tables_workflow import workflow
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
        task.c.working_directory,
        task.c.environment,
    )
    .join_from(task_instance, task, task.c.id == task_instance.c.task_id)
    .where(with_ids(task_instance)),
    task_instance,
)
_NAMES = ("array_step_id", "task_instance_id", "task_id", "workflow_run_id", "attempt", "workflow_id", "name")
_TOLD = ("command", "working_directory", "environment")
_OF_BATCH = {
    table: and_(table.c.array_id == bindparam("array_id"), table.c.batch_num == bindparam("batch_num"))
    for table in (array_batch, task_instance)
}
_BATCH = select(array_batch.c.batch_num).where(_OF_BATCH[array_batch])
_STEPS = select(Gathered(func.json_array(task_instance.c.array_step_id, task_instance.c.id))).where(
    _OF_BATCH[task_instance], among_ids(task_instance.c.array_step_id)
)
_KEY = tuple_(array_batch.c.array_id, array_batch.c.batch_num)
_BATCHES = (
    select(
        array_batch.c.array_id,
        array_batch.c.batch_num,
        array.c.name.label("array_name"),
        array_batch.c.cluster,
        array_batch.c.queue,
        array_batch.c.requested_resources,
        workflow.c.environment,
    )
    .join_from(array_batch, array, array.c.id == array_batch.c.array_id)
    .join(workflow, workflow.c.id == array.c.workflow_id)
    .where(_KEY.in_(bindparam("keys", expanding=True)))
)


def read_batches(
    connection: Connection, waited: Sequence[LockedQueued], task_instance_ids: Sequence[int], *, detail: bool
) -> list[RowDict]:
    """Return instances grouped by array batch, in order of array, batch and step; `detail` adds what a worker needs.

    Of those that waited the place is known.
    """
    members: dict[tuple[int, int], list[RowDict]] = {}
    if detail:
        rows = _read(connection, _DETAILED, [*(one.id for one in waited), *task_instance_ids])
        for place, *told in sorted(rows, key=itemgetter(0)):
            member = {**dict(zip(_NAMES, place[2:], strict=True)), **dict(zip(_TOLD, told, strict=True))}
            members.setdefault((place[0], place[1]), []).append(member)
    else:
        known = [(one.array_id, one.batch_num, one.array_step_id, one.id) for one in waited]
        places = [tuple(place) for (place,) in _read(connection, _PLACES, task_instance_ids)]
        for array_id, batch_num, step, one in sorted([*known, *places]):
            member = {"array_step_id": step, "task_instance_id": one}
            members.setdefault((array_id, batch_num), []).append(member)
    facts = _batches(connection, members)
    # A batch that is not there any more was deleted meanwhile, and its instances with it.
    return [{**facts[key], "task_instances": some} for key, some in members.items() if key in facts]


def _read(connection: Connection, statement: Select[Any], task_instance_ids: Sequence[int]) -> list[Any]:
    return [row for some in chunks(task_instance_ids) for row in connection.execute(statement, {"ids": some})]


def _batches(connection: Connection, keys: Iterable[tuple[int, int]]) -> dict[tuple[int, int], RowDict]:
    """Return what all instances of a batch have in common."""
    found: dict[tuple[int, int], RowDict] = {}
    for some in chunks(list(keys)):
        rows = connection.execute(_BATCHES, {"keys": some}).mappings()
        found |= {(row["array_id"], row["batch_num"]): dict(row) for row in rows}
    return found


def find_batch_steps(
    connection: Connection, array_id: int, batch_num: int, steps: Sequence[int]
) -> dict[int, int]:
    """Return the instance ids of these steps of a batch, by step. Raises `Unknown` for a batch that is none."""
    batch = {"array_id": array_id, "batch_num": batch_num}
    found: dict[int, int] = {}
    for some in chunks(steps):
        found.update(connection.execute(_STEPS, {**batch, "ids": some}).scalar_one() or ())
    if not found and connection.execute(_BATCH, batch).one_or_none() is None:
        raise Unknown("array batch", f"{array_id}/{batch_num}")
    return found
