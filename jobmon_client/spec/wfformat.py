"""Traces in WfCommons WfFormat 1.5: each recorded task becomes a sleep of its recorded runtime."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from jobmon_client.spec.definition import (
    NAME,
    InvalidDefinition,
    Problem,
    TaskDefinition,
    WorkflowDefinition,
    find_cycle,
)

SCHEMA_VERSIONS = ("1.5",)
SPECIFICATION = "workflow.specification.tasks"
EXECUTION = "workflow.execution.tasks"


def is_trace(document: Any) -> bool:
    """Whether a document means to be a trace rather than a workflow file."""
    return isinstance(document, dict) and (
        "schemaVersion" in document or isinstance(document.get("workflow"), dict)
    )


def workflow_of(document: dict[str, Any], time_scale: float, source: str) -> WorkflowDefinition:
    """Return the workflow of a trace, every runtime in seconds multiplied by `time_scale`; raise InvalidDefinition
    with all problems, each naming its task."""
    if not (math.isfinite(time_scale) and time_scale >= 0):
        raise InvalidDefinition([Problem("time scale", f"is {time_scale}; allowed: a number, 0 or more")])
    if problems := list(_shape_problems(document)):
        raise InvalidDefinition(problems, source)
    specified = _section(document, SPECIFICATION)
    executed = _section(document, EXECUTION)
    problems = [*_graph_problems(specified), *_runtime_problems(specified, executed)]
    if problems:
        raise InvalidDefinition(problems, source)
    parents = {task["id"]: tuple(dict.fromkeys(task.get("parents", ()))) for task in specified}
    if cycle := find_cycle(parents):
        raise InvalidDefinition(
            [Problem("", f"these tasks wait for each other: {' -> '.join(cycle)}")], source
        )
    runtimes = {record["id"]: record["runtimeInSeconds"] for record in executed}
    return WorkflowDefinition(
        name=_name(document),
        tasks=tuple(
            TaskDefinition(name=name, command=f"sleep {runtimes[name] * time_scale:.6f}", upstream=above)
            for name, above in parents.items()
        ),
    )


def _name(document: dict[str, Any]) -> str:
    name = document.get("name")
    return name if isinstance(name, str) and NAME.accepts(name) else "trace"


def _section(document: Any, path: str) -> Any:
    for key in path.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _shape_problems(document: dict[str, Any]) -> Iterator[Problem]:
    version = document.get("schemaVersion")
    allowed = " or ".join(f'"{known}"' for known in SCHEMA_VERSIONS)
    if version is None:
        yield Problem("schemaVersion", f"missing; allowed: {allowed}")
    elif version not in SCHEMA_VERSIONS:
        yield Problem("schemaVersion", f"is {version!r}; allowed: {allowed}")
    for path in (SPECIFICATION, EXECUTION):
        section = _section(document, path)
        if not isinstance(section, list):
            yield Problem(path, "missing or no list")
            continue
        for position, task in enumerate(section):
            yield from _item_problems(task, f"{path}.{position}")


def _item_problems(task: Any, where: str) -> Iterator[Problem]:
    if not isinstance(task, dict):
        yield Problem(where, "is no object")
        return
    if not NAME.accepts(task.get("id")):
        yield Problem(f"{where}.id", f"missing or not allowed; allowed: {NAME.allowed}")
    for key in ("parents", "children"):
        names = task.get(key, [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            yield Problem(f"{where}.{key}", f"of task {task.get('id')!r} is no list of task ids")


def _graph_problems(specified: list[dict[str, Any]]) -> Iterator[Problem]:
    by_id: dict[str, dict[str, Any]] = {}
    for task in specified:
        if task["id"] in by_id:
            yield Problem(task["id"], f"occurs twice in {SPECIFICATION}")
        by_id[task["id"]] = task
    for name, task in by_id.items():
        for key, back, role in (("parents", "children", "child"), ("children", "parents", "parent")):
            for other in task.get(key, ()):
                if other not in by_id:
                    yield Problem(name, f"its {key} name {other!r}, which is no task of this trace")
                elif back in by_id[other] and name not in by_id[other][back]:
                    yield Problem(name, f"its {key} name {other!r}, which does not name it as a {role}")


def _runtime_problems(specified: list[dict[str, Any]], executed: list[dict[str, Any]]) -> Iterator[Problem]:
    records: dict[str, dict[str, Any]] = {}
    for record in executed:
        if record["id"] in records:
            yield Problem(record["id"], f"occurs twice in {EXECUTION}")
        records[record["id"]] = record
    for name in dict.fromkeys(task["id"] for task in specified):
        runtime = records.get(name, {}).get("runtimeInSeconds")
        if runtime is None:
            yield Problem(name, f"has no runtimeInSeconds in {EXECUTION}")
        elif isinstance(runtime, bool) or not isinstance(runtime, int | float) or not 0 <= runtime < math.inf:
            yield Problem(
                name, f"its runtimeInSeconds is {runtime!r}; allowed: a number of seconds, 0 or more"
            )
