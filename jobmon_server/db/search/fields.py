"""What workflows, tasks and instances can be asked for: one table of fields for each, most of it read off the models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean as BooleanType
from sqlalchemy import Column, ColumnElement, DateTime, Double, Integer, Table, case, type_coerce

from jobmon_server.db.core.types import FreeText, Json, StatusType
from jobmon_server.db.reads.lookups import is_current, is_same_batch, retried_at
from jobmon_server.db.schema.tables import array, array_batch, task, task_instance
from jobmon_server.db.schema.tables_workflow import workflow, workflow_run
from jobmon_server.db.search import field_types
from jobmon_server.db.search.dialects import exact
from jobmon_server.db.search.field_types import FieldType
from jobmon_server.db.search.query import Entity


@dataclass(frozen=True, slots=True)
class Field:
    """A field by its name on the wire: what shows it, what compares it, and which tables both need beside the first."""

    name: str
    kind: FieldType
    shown: ColumnElement[Any]
    compared: ColumnElement[Any]
    nullable: bool
    joins: tuple[str, ...] = ()
    #: May be so long that a page has few rows.
    is_heavy: bool = False

    @property
    def sorted_by(self) -> ColumnElement[Any]:
        """The expression that orders by it."""
        if self.kind is field_types.FLAG:
            return type_coerce(self.compared, Integer)
        if not self.kind.words:
            return self.compared
        return case(*((self.compared == word, place) for place, word in enumerate(self.kind.words)))


@dataclass(frozen=True, slots=True)
class Join:
    """A table that is joined, one row of it at most for each row."""

    table: Table
    on: ColumnElement[bool]


#: The table of each entity, and the field that is its id.
TABLES: dict[Entity, Table] = {
    Entity.WORKFLOW: workflow,
    Entity.TASK: task,
    Entity.TASK_INSTANCE: task_instance,
}
_TO_TASK = Join(task, task.c.id == task_instance.c.task_id)
_TO_WORKFLOW = Join(workflow, workflow.c.id == task.c.workflow_id)
JOINS: dict[Entity, dict[str, Join]] = {
    Entity.WORKFLOW: {"run": Join(workflow_run, workflow_run.c.id == workflow.c.last_run_id)},
    Entity.TASK: {
        "array": Join(array, array.c.id == task.c.array_id),
        "workflow": _TO_WORKFLOW,
        "current": Join(task_instance, is_current()),
    },
    Entity.TASK_INSTANCE: {
        "task": _TO_TASK,
        "array": Join(array, array.c.id == task_instance.c.array_id),
        "batch": Join(array_batch, is_same_batch()),
        "workflow": _TO_WORKFLOW,
    },
}
_HIDDEN = {
    "id",
    "definition_digest",
    "released",
    "status_by",
    "deleted_at",
}
_HEAVY = {"stdout_log", "stderr_log", "result", "environment"}
_SHOWN_TEXTS = {"stdout_log", "stderr_log", "command", "working_directory"}
_OF_WORKFLOW = ("client_id", "request_id", "owner", "owner_group", "tenant")
_OF_CURRENT = ("nodename", "started_at", "finished_at", "usage")


def id_field(entity: Entity) -> str:
    """Return the name of the field that is the id."""
    return f"{entity}_id"


def _kind(column: Column[Any]) -> FieldType:
    """Read the kind off a column."""
    of_type = column.type
    if isinstance(of_type, StatusType):
        return field_types.status(of_type.statuses)
    plain: tuple[tuple[type[Any], FieldType], ...] = (
        (Json, field_types.DOCUMENT),
        (FreeText, field_types.LONG_TEXT),
        (BooleanType, field_types.FLAG),
        (Integer, field_types.NUMBER),
        (Double, field_types.REAL),
        (DateTime, field_types.TIME),
    )
    return next((kind for known, kind in plain if isinstance(of_type, known)), field_types.TEXT)


def _field(column: Column[Any], name: str | None = None, *joins: str, nullable: bool | None = None) -> Field:
    name = name or column.name
    kind = field_types.SHOWN_TEXT if name in _SHOWN_TEXTS else _kind(column)
    compared = (
        exact(column) if isinstance(column.type, FreeText) and kind is field_types.LONG_TEXT else column
    )
    can_be_null = bool(column.nullable) if nullable is None else nullable
    return Field(name, kind, column, compared, can_be_null, joins, name in _HEAVY)


def _own(table: Table, entity: Entity, but: Iterable[str] = ()) -> list[Field]:
    """Every column of the entity's own table but those that only the server needs."""
    hidden = _HIDDEN | set(but)
    shown = [column for column in table.c if column.computed is None and column.name not in hidden]
    return [_field(table.c.id, id_field(entity)), *map(_field, shown)]


def _named(fields: Iterable[Field]) -> dict[str, Field]:
    return {field.name: field for field in fields}


FIELDS: Mapping[Entity, Mapping[str, Field]] = {
    Entity.WORKFLOW: _named(
        [
            *_own(workflow, Entity.WORKFLOW, ("held", "last_run_id")),
            # Held back as a whole; `held`, of which one can ask, is whether somebody drives it.
            _field(workflow.c.held, "paused"),
            _field(workflow.c.last_run_id, "workflow_run_id"),
            _field(workflow_run.c.status, "workflow_run_status", "run", nullable=True),
        ]
    ),
    Entity.TASK: _named(
        [
            *_own(task, Entity.TASK),
            _field(array.c.name, "array", "array"),
            *(_field(workflow.c[name], name, "workflow") for name in _OF_WORKFLOW),
            _field(task_instance.c.id, "task_instance_id", "current", nullable=True),
            _field(task_instance.c.status, "task_instance_status", "current", nullable=True),
            *(_field(task_instance.c[name], name, "current", nullable=True) for name in _OF_CURRENT),
            Field(
                "retried_at",
                field_types.TIME,
                retried_at(),
                type_coerce(retried_at(), task.c.created_at.type),
                nullable=True,
            ),
        ]
    ),
    Entity.TASK_INSTANCE: _named(
        [
            *_own(task_instance, Entity.TASK_INSTANCE),
            _field(task.c.workflow_id, None, "task"),
            _field(task.c.name, None, "task"),
            _field(task.c.type, None, "task"),
            _field(task.c.status, "task_status", "task"),
            _field(array.c.name, "array", "array"),
            _field(array_batch.c.queue, None, "batch"),
            _field(array_batch.c.requested_resources, None, "batch"),
            *(_field(workflow.c[name], name, "task", "workflow") for name in _OF_WORKFLOW),
        ]
    ),
}

#: What a row of a list has when nobody says which fields he wants.
SUMMARY: Mapping[Entity, tuple[str, ...]] = {
    Entity.WORKFLOW: (
        "workflow_id",
        "name",
        "status",
        "created_at",
        "updated_at",
        "status_at",
        "finished_at",
        "owner",
        "tenant",
    ),
    Entity.TASK: (
        *("task_id", "workflow_id", "name", "type", "array", "status", "num_attempts", "max_attempts"),
        *("command", "cluster", "queue", "priority", "created_at", "updated_at", "status_at", "ready_at"),
        *("task_instance_id", "task_instance_status", *_OF_CURRENT),
    ),
    Entity.TASK_INSTANCE: (
        *("task_instance_id", "task_id", "workflow_id", "workflow_run_id", "name", "array_id", "batch_num"),
        *("array_step_id", "attempt", "status", "task_status", "reason_code", "progress", "accounting"),
        *("cluster", "queue", "distributor", "distributor_id", "worker_id", "nodename", "report_by"),
        *("queued_at", "started_at", "heartbeat_at", "finished_at", "status_at"),
    ),
}

#: What a row can have beside its fields: how many tasks a workflow has of each status, and those tasks.
EXTRAS: Mapping[Entity, tuple[str, ...]] = {
    Entity.WORKFLOW: ("tasks", "task_list"),
    Entity.TASK: (),
    Entity.TASK_INSTANCE: (),
}
