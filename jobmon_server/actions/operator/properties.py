"""How tasks are to be run, changed by an operator while nothing of them is under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome
from jobmon_server.actions.operator.task_operation import Planned, TaskOperation, TaskVerdict
from jobmon_server.actions.workflow.json_merge_patch import patched
from jobmon_server.db.core.partial_update import is_same, patch_many
from jobmon_server.db.schema.tables import task
from jobmon_server.db.workflows.task_definitions import LockedDefinition, lock_definitions
from jobmon_server.fsm.acts import CHANGEABLE
from jobmon_server.fsm.resources import originals
from jobmon_server.fsm.task import TASK

#: Properties that are objects: merged member by member, or replaced.
_OBJECTS = frozenset({"requested_resources", "resource_scales"})


@dataclass(frozen=True)
class SetProperties(TaskOperation):
    """New properties by task; `everybody` are those of tasks that are not among them."""

    by_task: Mapping[int, Mapping[str, Any]]
    everybody: Mapping[str, Any]
    replace: bool = False
    settles: ClassVar[bool] = False

    def lock(
        self, connection: Connection, task_ids: Sequence[int], *, lock: bool
    ) -> Sequence[LockedDefinition]:
        """Lock the tasks; an instance keeps the batch that it was queued with."""
        return lock_definitions(connection, task_ids, lock=lock)

    def plan(self, tasks: Sequence[LockedDefinition]) -> list[Planned]:
        """Take those of which nothing is under way."""
        return [self._planned(was) for was in tasks]

    def write(self, connection: Connection, planned: Sequence[Planned]) -> None:
        """Write all in one statement."""
        patch_many(connection, task, {one.verdict.task_id: one.write for one in planned})

    def _planned(self, was: LockedDefinition) -> Planned:
        patch = self.by_task.get(was.task_id, self.everybody)
        if problem := _problem(was, patch):
            return Planned(was, TaskVerdict(was.task_id, Outcome.INVALID, was.status, problem))
        wanted = {name: self._wanted(was, name, value) for name, value in patch.items()}
        now = {name: value for name, value in wanted.items() if not is_same(value, was.properties[name])}
        outcome = Outcome.APPLIED if now else Outcome.DUPLICATE
        bound_as = originals(was.bound_as, was.properties, now)
        write = {**now, "bound_as": bound_as, "updated_at": was.now}
        return Planned(was, TaskVerdict(was.task_id, outcome, was.status), write)

    def _wanted(self, was: LockedDefinition, name: str, value: Any) -> Any:
        return patched(was.properties[name], value, replace=self.replace) if name in _OBJECTS else value


def _problem(was: LockedDefinition, patch: Mapping[str, Any]) -> str | None:
    if was.status not in CHANGEABLE:
        return f"status: must be one of: {', '.join(sorted(CHANGEABLE))}"
    # One more must be left to a task that may still be queued.
    least = was.num_attempts + (was.status not in TASK.terminal)
    if patch.get("max_attempts", least) < least:
        return f"max_attempts: must be at least {least}, as {was.num_attempts} are used up"
    return None
