"""Whose a workflow is, and what hangs on it. Its owner and group are written when it is bound and never change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, or_, select
from sqlalchemy.engine import Connection, Row

from jobmon_server.db.core.rows import chunks
from jobmon_server.db.core.types import Id
from jobmon_server.db.schema.tables import array, task, task_instance
from jobmon_server.db.schema.tables_cluster import submission, submission_step
from jobmon_server.db.schema.tables_workflow import workflow, workflow_run
from jobmon_server.errors import ForeignWorkflow
from jobmon_server.principal import Reach

_WHOSE = (workflow.c.id, workflow.c.owner, workflow.c.owner_group)
_KEY = bindparam("key", type_=Id)
_TO_WORKFLOW = workflow.c.id == task.c.workflow_id
_OF_INSTANCE = task.c.id == task_instance.c.task_id
_OF_SUBMISSION = (
    select(*_WHOSE)
    .join_from(submission, submission_step, submission_step.c.submission_id == submission.c.id)
    .join(task_instance, task_instance.c.id == submission_step.c.task_instance_id)
    .join(task, _OF_INSTANCE)
    .join(workflow, _TO_WORKFLOW)
    .distinct()
)
#: By the name that a path gives to what is acted on: the workflow that it hangs on.
_WORKFLOWS_OF: dict[str, Select[Any]] = {
    "workflow_id": select(*_WHOSE).where(workflow.c.id == _KEY),
    "workflow_run_id": select(*_WHOSE)
    .join_from(workflow_run, workflow, workflow.c.id == workflow_run.c.workflow_id)
    .where(workflow_run.c.id == _KEY),
    "task_id": select(*_WHOSE).join_from(task, workflow, _TO_WORKFLOW).where(task.c.id == _KEY),
    "task_instance_id": select(*_WHOSE)
    .join_from(task_instance, task, _OF_INSTANCE)
    .join(workflow, _TO_WORKFLOW)
    .where(task_instance.c.id == _KEY),
    "array_id": select(*_WHOSE)
    .join_from(array, workflow, workflow.c.id == array.c.workflow_id)
    .where(array.c.id == _KEY),
    "submission_uuid": _OF_SUBMISSION.where(
        submission.c.submission_uuid == bindparam("key", type_=submission.c.submission_uuid.type)
    ),
}


def refuse_foreign(connection: Connection, place: str, key: int | str, reach: Reach) -> None:
    """Refuse an act on what belongs to somebody else; what does not exist is left to the act to tell.

    Args:
        connection: a connection that reads.
        place: what `key` names, as paths call it: `workflow_id`, `workflow_run_id`, `task_id`, `task_instance_id`,
            `array_id` or `submission_uuid`; any other name belongs to nobody.
        key: which one.
        reach: whose workflows the caller may change.

    Raises:
        ForeignWorkflow: the workflow is another owner's.
    """
    statement = _WORKFLOWS_OF.get(place)
    if statement is None:
        return
    for row in connection.execute(statement, {"key": key}):
        refuse_unless_covered(row, reach)


def refuse_unless_covered(row: Row[Any], reach: Reach | None) -> None:
    """Refuse a workflow, given as `id, owner, owner_group`, that is not within reach. Raises `ForeignWorkflow`."""
    if reach is not None and not reach.covers(row.owner, row.owner_group):
        raise ForeignWorkflow(row.id)


def foreign_workflows(connection: Connection, workflow_ids: Iterable[int], reach: Reach | None) -> set[int]:
    """Return those of these workflows that are not within reach."""
    if reach is None:
        return set()
    return {
        row.id
        for some in chunks(sorted(set(workflow_ids)))
        for row in connection.execute(select(*_WHOSE).where(workflow.c.id.in_(some)))
        if not reach.covers(row.owner, row.owner_group)
    }


def within(table: Any, reach: Reach) -> ColumnElement[bool]:
    """Return the condition, over a table with `owner` and `owner_group`, that a row is within reach."""
    own: ColumnElement[bool] = owned_by(table, reach)
    return own if reach.owner_group is None else or_(own, table.c.owner_group == reach.owner_group)


def owned_by(table: Any, reach: Reach) -> ColumnElement[bool]:
    """Return the condition that a row is the very owner's; an index with `owner` answers it, for no owner as well."""
    is_own: ColumnElement[bool] = (
        table.c.owner.is_(None) if reach.owner is None else table.c.owner == reach.owner
    )
    return is_own
