"""Whether the named inputs of tasks are where they are expected: what somebody who looked says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from jobmon_client.states import InputStatus, Outcome
from jobmon_server.db.core.rows import chunks
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.reads.ownership import foreign_workflows
from jobmon_server.db.reads.selection import read_tasks
from jobmon_server.db.workflows import inputs, workflow_locks
from jobmon_server.db.workflows.inputs import Key
from jobmon_server.errors import Busy
from jobmon_server.principal import Reach


@dataclass(frozen=True, slots=True)
class InputVerdict:
    """What became of the status of one input; one that no task was bound with is unknown."""

    task_id: int
    name: str
    outcome: Outcome
    status: InputStatus | None = None


def set_inputs(
    database: Database, wanted: Mapping[Key, InputStatus], reach: Reach | None = None
) -> list[InputVerdict]:
    """Set the statuses of many inputs, in bounded transactions by workflow; a verdict each, in the order given.

    Those of tasks that are not within the caller's `reach` are fenced.
    """
    rows = database.read(read_tasks, sorted({task_id for task_id, _ in wanted}))
    workflow_of = {row.id: row.workflow_id for row in rows}
    foreign = database.read(foreign_workflows, workflow_of.values(), reach)
    by_workflow: dict[int, list[Key]] = {}
    found: dict[Key, InputVerdict] = {}
    for key in wanted:
        if workflow_of.get(key[0]) in foreign:
            found[key] = InputVerdict(*key, Outcome.FENCED)
        elif key[0] in workflow_of:
            by_workflow.setdefault(workflow_of[key[0]], []).append(key)
    for workflow_id, keys in by_workflow.items():
        for batch in chunks(keys):
            found |= _try(database, workflow_id, {key: wanted[key] for key in batch})
    return [found.get(key) or InputVerdict(*key, Outcome.UNKNOWN) for key in wanted]


def _try(database: Database, workflow_id: int, wanted: Mapping[Key, InputStatus]) -> dict[Key, InputVerdict]:
    try:
        return database.transact(set_some, workflow_id, wanted)
    except Busy:
        return {key: InputVerdict(*key, Outcome.BUSY) for key in wanted}


def set_some(
    connection: Connection, workflow_id: int, wanted: Mapping[Key, InputStatus]
) -> dict[Key, InputVerdict]:
    """Set the statuses of inputs of tasks of one workflow."""
    locked = workflow_locks.lock_workflow(connection, workflow_id)
    if locked is None:
        return {}
    was = inputs.statuses(connection, list(wanted))
    new = {key: status for key, status in wanted.items() if was.get(key, status) is not status}
    inputs.write_statuses(connection, new, locked.now)
    return {key: _verdict(key, status, is_new=key in new) for key, status in wanted.items() if key in was}


def _verdict(key: Key, status: InputStatus, *, is_new: bool) -> InputVerdict:
    return InputVerdict(*key, Outcome.APPLIED if is_new else Outcome.DUPLICATE, status)
