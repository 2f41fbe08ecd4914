"""A workflow and its tasks in one transaction; the same request again finds both, whatever became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome, WorkflowStatus
from jobmon_server.actions.workflow.binding import bind_again, bind_tasks, bind_workflow
from jobmon_server.config import Settings
from jobmon_server.db.reads.lookups import workflow_status
from jobmon_server.principal import Reach


@dataclass(frozen=True, slots=True)
class SubmitResult:
    """What is known now: `applied` if anything of it is new, and what was known before with another definition."""

    outcome: Outcome
    workflow_id: int
    status: WorkflowStatus
    expiry_seconds: int
    clamped: bool
    task_ids: list[int]
    differed: list[str]
    differed_tasks: list[str]


def submit(
    connection: Connection,
    settings: Settings,
    tasks: Sequence[dict[str, Any]],
    arrays: Sequence[dict[str, Any]] = (),
    reach: Reach | None = None,
    **definition: Any,
) -> SubmitResult:
    """Bind the workflow, then its tasks. Raises `Malformed`, `ForeignWorkflow`, or `Invalid` for a new task of what is over."""
    workflow = bind_workflow(connection, settings, reach, **definition)
    bound = None
    if workflow.outcome is Outcome.DUPLICATE:
        bound = bind_again(connection, workflow.workflow_id, tasks)
    if bound is None:
        bound = bind_tasks(connection, workflow.workflow_id, tasks, arrays)
    is_new = workflow.outcome is Outcome.APPLIED or bound.num_new > 0
    return SubmitResult(
        Outcome.APPLIED if is_new else Outcome.DUPLICATE,
        workflow.workflow_id,
        workflow_status(connection, workflow.workflow_id),
        workflow.expiry_seconds,
        workflow.clamped,
        bound.task_ids,
        workflow.differed,
        bound.differed,
    )
