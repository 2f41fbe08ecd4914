"""Deleting tasks: never one that may still run, and only on demand one that others wait for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import structlog
from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome
from jobmon_server.actions.operator.acts import ActVerdict, do_to_task
from jobmon_server.actions.operator.bulk import BulkResult, do_to_tasks
from jobmon_server.actions.operator.targets import TargetQuery
from jobmon_server.actions.operator.task_operation import Planned, TaskOperation, TaskVerdict
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.workflows.task_removal import RemovableTask, lock_places, take_out

#: How many of those who wait a refusal names.
_MOST_NAMED = 10

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Delete(TaskOperation):
    """Delete tasks that have ended or never began; with `force` also such as others wait for, who then do not."""

    force: bool = False
    is_joint: ClassVar[bool] = True

    def lock(self, connection: Connection, task_ids: Sequence[int], *, lock: bool) -> Sequence[RemovableTask]:
        """Lock the tasks with all their instances."""
        return lock_places(connection, task_ids, lock=lock)

    def plan(self, tasks: Sequence[RemovableTask]) -> list[Planned]:
        """Take those that do not live and that nobody waits for who stays."""
        problems = {one.task_id: _alive(one) for one in tasks if one.subject.has_live_instance}
        if not self.force:
            _refuse_parents(problems, {one.task_id: one.children for one in tasks})
        return [_planned(one, problems.get(one.task_id)) for one in tasks]

    def write(self, connection: Connection, planned: Sequence[Planned]) -> None:
        """Delete them."""
        if planned:
            take_out(connection, [one.verdict.task_id for one in planned])


def delete_task(database: Database, task_id: int, deed: Delete, **why: str | None) -> ActVerdict:
    """Delete one task. Raises `Unknown`."""
    verdict = do_to_task(database, task_id, deed)
    _tell(verdict.task_ids, why)
    return verdict


def delete_tasks(database: Database, asked: TargetQuery, deed: Delete, **why: str | None) -> BulkResult:
    """Delete many tasks, those bound last first, so that of a whole chain the end goes first."""
    done = do_to_tasks(database, asked, deed)
    _tell([one.task_id for one in done.verdicts if one.outcome is Outcome.APPLIED], why)
    return done


def _tell(task_ids: Sequence[int], why: Mapping[str, str | None]) -> None:
    if task_ids:
        log.info("tasks deleted", task_ids=task_ids, **why)


def _alive(was: RemovableTask) -> str:
    return f"Its last instance is {was.subject.task_instance}: stop it, and wait until it is confirmed dead."


def _refuse_parents(problems: dict[int, str], waiting: Mapping[int, Mapping[int, str]]) -> None:
    """Refuse who is waited for by one that stays; then he stays too, and so on up the graph."""
    while True:
        leaving = waiting.keys() - problems.keys()
        staying = {one: _but(waiting[one], leaving) for one in leaving}
        refused = {one: _waited_for(names) for one, names in staying.items() if names}
        if not refused:
            return
        problems |= refused


def _but(names: Mapping[int, str], leaving: Collection[int]) -> list[str]:
    return [name for one, name in names.items() if one not in leaving]


def _waited_for(names: Sequence[str]) -> str:
    first = ", ".join(map(repr, names[:_MOST_NAMED]))
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{first}{more} wait for it: delete these as well, or have them wait no more, by force."


def _planned(was: RemovableTask, problem: str | None) -> Planned:
    outcome = Outcome.APPLIED if problem is None else Outcome.INVALID
    return Planned(was, TaskVerdict(was.task_id, outcome, was.status, problem))
