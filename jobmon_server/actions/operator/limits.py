"""Limits on what is live at once, changed while a workflow runs; they hold from the next queueing on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome, WorkflowStatus
from jobmon_server.db.workflows import limits, workflow_locks
from jobmon_server.errors import Malformed, Unknown


@dataclass(frozen=True, slots=True)
class LimitsInForce:
    """The limits of a workflow and of those of its arrays that were named; None is no limit, 0 pauses."""

    outcome: Outcome
    status: WorkflowStatus
    max_concurrently_running: int | None
    arrays: Sequence[Mapping[str, Any]]


def set_limits(
    connection: Connection,
    workflow_id: int,
    arrays: Sequence[Mapping[str, Any]] = (),
    **of_workflow: int | None,
) -> LimitsInForce:
    """Set what is given and leave the rest. What is live already goes on. Raises `Unknown`, or `Malformed`."""
    locked = workflow_locks.lock_workflow(connection, workflow_id)
    if locked is None:
        raise Unknown("workflow", workflow_id)
    was = limits.of_arrays(connection, workflow_id, [one["name"] for one in arrays])
    for position, one in enumerate(arrays):
        if one["name"] not in was:
            raise Malformed.field(f"arrays.{position}.name", f"is no array of workflow {workflow_id}")
    wanted = {one["name"]: one["max_concurrently_running"] for one in arrays}
    changed = {name: limit for name, limit in wanted.items() if limit != was[name]}
    limits.write_arrays(connection, workflow_id, changed)
    limit = of_workflow.get("max_concurrently_running", locked.max_concurrently_running)
    if limit != locked.max_concurrently_running:
        limits.write_workflow(connection, locked, limit)
    is_new = bool(changed) or limit != locked.max_concurrently_running
    said = [{"name": name, "max_concurrently_running": value} for name, value in wanted.items()]
    return LimitsInForce(Outcome.APPLIED if is_new else Outcome.DUPLICATE, locked.status, limit, said)
