"""What a workflow's status would be if some of its tasks had other statuses. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from jobmon_client.states import TaskStatus, WorkflowStatus
from jobmon_server.db.reads.lookups import count_tasks
from jobmon_server.db.reads.selection import read_tasks
from jobmon_server.db.workflows import dag, what_if
from jobmon_server.errors import Malformed, Unknown
from jobmon_server.fsm.task import QUEUEABLE
from jobmon_server.fsm.workflow import Facts, workflow_status

#: None: the task is not there at all.
Supposed = Mapping[int, TaskStatus | None]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The status that the workflow has, and the one it would have."""

    status: WorkflowStatus
    would_be: WorkflowStatus


def predict_status(connection: Connection, workflow_id: int, supposed: Supposed) -> Prediction:
    """Say what the workflow's status would be. Raises `Unknown`, or `Malformed` for a task of another workflow."""
    state = what_if.read_snapshot(connection, workflow_id)
    if state is None:
        raise Unknown("workflow", workflow_id)
    now = what_if.statuses(connection, supposed)
    rows = read_tasks(connection, sorted(supposed))
    members = {row.id for row in rows if row.workflow_id == workflow_id}
    if foreign := sorted(set(supposed) - members):
        raise Malformed.field(f"task_statuses.{foreign[0]}", f"is no task of workflow {workflow_id}")
    counts = Counter(count_tasks(connection, [workflow_id]).get(workflow_id, {}))
    counts.subtract(now.values())
    counts.update(status for status in supposed.values() if status is not None)
    facts = Facts(
        present=frozenset(status for status in TaskStatus if counts[status] > 0),
        ready=_is_any_ready(connection, workflow_id, supposed),
        held=state.held,
        run_alive=state.run_alive,
        ever_run=state.ever_run,
    )
    return Prediction(state.status, workflow_status(facts))


def _is_any_ready(connection: Connection, workflow_id: int, supposed: Supposed) -> bool:
    """Look at the tasks whose readiness changes with what is supposed one by one, at all others by one probe."""
    moved = {*supposed, *what_if.unreleased(connection, workflow_id)}
    looked_at = {*supposed, *dag.downstreams(connection, moved)}
    if what_if.is_any_ready(connection, workflow_id, looked_at):
        return True
    above = what_if.upstreams(connection, looked_at)
    everybody = looked_at.union(*above.values())
    status = {**what_if.statuses(connection, everybody), **supposed}
    return any(
        status[one] in QUEUEABLE and all(status[up] in {TaskStatus.DONE, None} for up in above.get(one, ()))
        for one in looked_at
    )
