"""What users keep with tasks and workflows, changed in bulk; nothing that the server decides by is among it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome
from jobmon_server.actions.operator.task_operation import Planned, TaskOperation, TaskVerdict
from jobmon_server.actions.workflow.json_merge_patch import patched
from jobmon_server.db.core.partial_update import is_same
from jobmon_server.db.core.types import canonical_json
from jobmon_server.db.schema.tables import task
from jobmon_server.db.schema.tables_control import task_attribute, workflow_attribute
from jobmon_server.db.schema.tables_workflow import workflow
from jobmon_server.db.workflows.task_definitions import LockedAttributes, lock_attributes, write_attributes

#: Bytes as JSON of all attributes of one task or workflow.
MOST_BYTES = 1_048_576


@dataclass(frozen=True)
class SetAttributes(TaskOperation):
    """New attributes by task; `everybody` are those of tasks that are not among them."""

    by_id: Mapping[int, Mapping[str, Any]]
    everybody: Mapping[str, Any]
    replace: bool = False
    settles: ClassVar[bool] = False
    table: ClassVar[Any] = task
    index: ClassVar[Any] = task_attribute

    def lock(
        self, connection: Connection, task_ids: Sequence[int], *, lock: bool
    ) -> Sequence[LockedAttributes]:
        """Lock the rows."""
        return lock_attributes(connection, self.table, task_ids, lock=lock)

    def plan(self, tasks: Sequence[LockedAttributes]) -> list[Planned]:
        """Take any, whatever its status."""
        return [self._planned(was) for was in tasks]

    def write(self, connection: Connection, planned: Sequence[Planned]) -> None:
        """Write all in one statement, and the index over them."""
        patches = {one.verdict.task_id: one.write for one in planned}
        write_attributes(connection, self.table, self.index, patches)

    def _planned(self, was: LockedAttributes) -> Planned:
        patch = self.by_id.get(was.task_id, self.everybody)
        now = patched(was.attributes, patch, replace=self.replace)
        if len(canonical_json(now)) > MOST_BYTES:
            problem = f"attributes: must have at most {MOST_BYTES} bytes as JSON"
            return Planned(was, TaskVerdict(was.task_id, Outcome.INVALID, was.status, problem))
        same = is_same(now, was.attributes or {})
        outcome = Outcome.DUPLICATE if same else Outcome.APPLIED
        write = {"attributes": now, "updated_at": was.now}
        return Planned(was, TaskVerdict(was.task_id, outcome, was.status), write)


@dataclass(frozen=True)
class SetWorkflowAttributes(SetAttributes):
    """New attributes by workflow."""

    table: ClassVar[Any] = workflow
    index: ClassVar[Any] = workflow_attribute
