"""Work handed over without being driven: a workflow, one task, or a list of them, submitted in one call.

    submitted = submit([{"name": "a", "command": "true"}], defaults={"max_attempts": 5}, server_url=url)

Whoever then says `jobmon_client.resume(submitted.workflow_id)`, here or elsewhere, drives it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from jobmon_client import config
from jobmon_client.running.connection import connected
from jobmon_client.running.workflow import Workflow
from jobmon_client.spec.definition import (
    SHARED_FIELDS,
    TASK_FIELDS,
    InvalidDefinition,
    Problem,
    TaskDefinition,
    WorkflowDefinition,
    checked,
    examine,
)

OneTask = TaskDefinition | Mapping[str, Any]
Work = Workflow | WorkflowDefinition | OneTask | Iterable[OneTask]


@dataclass(frozen=True, slots=True)
class Submitted:
    """What the server knows now: ids of tasks by name, names of those that it knew with another definition, which stays.

    `workflow` is the read model of a workflow that was over while it was waited for.
    """

    workflow_id: int
    task_ids: dict[str, int]
    status: str
    is_new: bool
    differed: tuple[str, ...]
    workflow: dict[str, Any] | None


def gathered(work: Work, *, name: str | None = None, **defaults: Any) -> WorkflowDefinition:
    """Make a workflow of a workflow, of one task or of a list of tasks; raise InvalidDefinition.

    `defaults`, fields of tasks, fill in what a task lacks; one that says `{}` lacks nothing. Without a name what is no
    workflow yet is called as its first task.
    """
    if problems := list(examine(SHARED_FIELDS, defaults, "")):
        raise InvalidDefinition(problems, "defaults")
    definition = work.definition if isinstance(work, Workflow) else work
    if not isinstance(definition, WorkflowDefinition):
        single = isinstance(definition, TaskDefinition | Mapping)
        tasks = tuple(map(_task, [definition] if single else definition))  # type: ignore[arg-type]
        if not tasks:
            raise InvalidDefinition([Problem("", "there is no task")])
        definition = WorkflowDefinition(name=tasks[0].name, tasks=tasks)
    filled = tuple(_filled(task, defaults) for task in definition.tasks)
    return checked(replace(definition, name=name or definition.name, tasks=filled))


def submit(
    work: Work,
    *,
    name: str | None = None,
    client_id: str = "jobmon",
    request_id: str | None = None,
    wait: float | None = None,
    defaults: Mapping[str, Any] | None = None,
    server_url: str | None = None,
    **settings: object,
) -> Submitted:
    """Bind it, or find what the same `client_id` and `request_id` bound before; wait for its end if `wait` seconds are
    given. Raise InvalidDefinition, or another JobmonError."""
    definition = gathered(work, name=name, **(defaults or {}))
    arrays = [
        {"name": array, "max_concurrently_running": limit} for array, limit in definition.arrays.items()
    ]
    with connected(config.load({"server_url": server_url, **settings})) as connection:
        said = connection.api.submit(
            tasks=[task.payload() for task in definition.tasks],
            arrays=arrays or None,
            client_id=client_id,
            request_id=request_id,
            wait=wait,
            **definition.payload_from_here(),
        )
    names = (task.name for task in definition.tasks)
    return Submitted(
        said["workflow_id"],
        dict(zip(names, said["task_ids"], strict=True)),
        said["status"],
        said["outcome"] == "applied",
        tuple(said["differed_tasks"]),
        said["workflow"],
    )


def _task(one: OneTask) -> TaskDefinition:
    if isinstance(one, TaskDefinition):
        return one
    if problems := list(examine(TASK_FIELDS, dict(one), "")):
        raise InvalidDefinition(problems, f"task {one.get('name')!r}")
    return TaskDefinition(**{**one, "upstream": tuple(one.get("upstream", ()))})


def _filled(task: TaskDefinition, defaults: Mapping[str, Any]) -> TaskDefinition:
    return replace(task, **{key: value for key, value in defaults.items() if getattr(task, key) is None})
