"""Attributes of many changed in one transaction: all of them, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome
from jobmon_server.actions.operator.attributes import SetAttributes
from jobmon_server.actions.operator.bulk import BulkResult
from jobmon_server.actions.operator.targets import (
    TargetQuery,
    Targets,
    choose_tasks,
    choose_workflows,
    not_served,
    terms_of,
)
from jobmon_server.actions.operator.task_operation import ACCEPTED, TaskVerdict, do_locked
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables import task
from jobmon_server.db.workflows.workflow_locks import lock_workflow
from jobmon_server.errors import Invalid

#: How many one transaction may change.
MOST_TOGETHER = 10_000


def set_all_or_none(database: Database, asked: TargetQuery, deed: SetAttributes) -> BulkResult:
    """Set attributes of tasks or of workflows together. Raises `Invalid` where one of them cannot be, and as `choose_tasks` does."""
    most = min(asked.max_limit or MOST_TOGETHER, MOST_TOGETHER)
    choose = choose_tasks if deed.table is task else choose_workflows
    chosen = database.read(choose, replace(asked, max_limit=most))
    missing = [TaskVerdict(one, Outcome.UNKNOWN) for one in chosen.unknown]
    missing += [TaskVerdict(one, Outcome.FENCED, *why) for one, *why in not_served(chosen)]
    _refuse_any(chosen, missing, deed)
    verdicts = database.transact(_set_all, chosen, asked, deed)
    return BulkResult(chosen.matched, chosen.digest, verdicts)


def _set_all(
    connection: Connection, chosen: Targets, asked: TargetQuery, deed: SetAttributes
) -> list[TaskVerdict]:
    """Lock the workflows by id, then what is to be changed by id, and change it; a refusal undoes all."""
    gone: list[TaskVerdict] = []
    for workflow_id, ids in sorted(chosen.by_workflow.items()):
        if lock_workflow(connection, workflow_id) is None:
            gone += [TaskVerdict(one, Outcome.UNKNOWN) for one in ids]
    _refuse_any(chosen, gone, deed)
    verdicts = do_locked(connection, sorted(chosen.ids), deed, replace(terms_of(asked, chosen), stop=False))
    _refuse_any(chosen, verdicts, deed)
    return verdicts


def _refuse_any(chosen: Targets, verdicts: Sequence[TaskVerdict], deed: SetAttributes) -> None:
    refused = [one for one in verdicts if one.outcome not in ACCEPTED]
    if not refused:
        return
    details = [
        {"what": deed.table.name, "id": one.task_id, "problem": one.problem or one.outcome.value}
        for one in refused
    ]
    raise Invalid(
        f"{len(refused)} of {chosen.number} cannot be changed; nothing was changed.",
        details=details,
        extra={"applied": 0, "matched": chosen.matched, "digest": chosen.digest},
    )
