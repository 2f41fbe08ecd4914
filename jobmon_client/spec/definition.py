"""What a workflow is before it is bound: names, commands, dependencies; checked here before any call is made."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from jobmon_client.errors import JobmonError
from jobmon_client.spec.fields import (
    ENVIRONMENT,
    PATH,
    RETRY_DELAY,
    Field,
    is_count,
    is_json,
    is_names,
    is_scales,
    is_text,
)
from jobmon_client.spec.places import absolute
from jobmon_client.states import LostContact

TASKS_IN_A_CALL = 100_000
BYTES_IN_A_CALL = 32 * 1024 * 1024
PROBLEMS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a definition, and where: a dotted path, a task's name or `file:line`."""

    where: str
    text: str

    def __str__(self) -> str:
        """Read as `where: text`."""
        return f"{self.where}: {self.text}" if self.where else self.text


class InvalidDefinition(JobmonError):
    """A workflow cannot be what its definition says; carries every problem found, not the first alone."""

    def __init__(self, problems: Sequence[Problem], source: str = "") -> None:
        """Take the problems and the name of the file they were found in, if there is one."""
        self.problems = tuple(problems)
        self.source = source
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        heading = f"{self.source}: " if self.source else ""
        if len(self.problems) == 1:
            return f"{heading}{self.problems[0]}"
        shown = [f"\n  {problem}" for problem in self.problems[:PROBLEMS_SHOWN]]
        if len(self.problems) > PROBLEMS_SHOWN:
            shown.append(f"\n  … and {len(self.problems) - PROBLEMS_SHOWN} more")
        return f"{heading}{len(self.problems)} problems:{''.join(shown)}"


NAME = Field("a text of 1 to 255 characters", lambda value: is_text(value, 255), required=True)
SHORT_TEXT = Field("a text of at most 255 characters", lambda value: is_text(value, 255, 0))
OBJECT = Field(
    "an object (keys are text, values are JSON)", lambda value: isinstance(value, dict) and is_json(value)
)
LIMIT = Field("a whole number, 0 or more", lambda value: is_count(value, 0))
LOST_CONTACT = Field(f"one of: {', '.join(LostContact)}", lambda value: value in [*LostContact])

EXECUTION_FIELDS: dict[str, Field] = {
    "working_directory": PATH,
    "environment": ENVIRONMENT,
    "retry_delay": RETRY_DELAY,
}
SHARED_FIELDS: dict[str, Field] = {
    "array": SHORT_TEXT,
    "cluster": Field(NAME.allowed, NAME.accepts),
    "queue": SHORT_TEXT,
    "requested_resources": OBJECT,
    "max_attempts": Field("a whole number from 1 to 1000", lambda value: is_count(value, 1, 1000)),
    "resource_scales": Field(
        "an object by resource: a number, 0 or more, or a list of the values to ask for in turn", is_scales
    ),
    "fallback_queues": Field("a list of queue names", is_names),
    "priority": Field("a whole number", lambda value: is_count(value, -(2**31))),
    "lost_contact": LOST_CONTACT,
    "attributes": OBJECT,
    **EXECUTION_FIELDS,
}
TASK_FIELDS: dict[str, Field] = {
    "name": NAME,
    "command": Field(
        "a text of 1 to 1,048,576 characters without NUL", lambda value: is_text(value, 2**20), required=True
    ),
    "upstream": Field("a list of task names", is_names),
    **SHARED_FIELDS,
}
ARRAY_FIELDS: dict[str, Field] = {
    "name": replace(SHORT_TEXT, required=True),
    "max_concurrently_running": replace(LIMIT, required=True),
}
WORKFLOW_FIELDS: dict[str, Field] = {
    "name": NAME,
    "attributes": OBJECT,
    "max_concurrently_running": LIMIT,
    "callback_url": Field("a URL of at most 2,048 characters", lambda value: is_text(value, 2048)),
    "expiry_seconds": LIMIT,
    "lost_contact": LOST_CONTACT,
    **EXECUTION_FIELDS,
}


def examine(allowed: Mapping[str, Field], given: Any, where: str) -> Iterator[Problem]:
    """Yield every problem of one object: unknown keys, missing ones, values that are not what is allowed."""
    if not isinstance(given, dict):
        yield Problem(where, f"is {_shown(given)}; allowed: an object with {', '.join(allowed)}")
        return
    prefix = f"{where}." if where else ""
    for key, value in given.items():
        if key not in allowed:
            yield Problem(f"{prefix}{key}", f"unknown key; allowed: {', '.join(allowed)}")
        elif not allowed[key].accepts(value):
            yield Problem(f"{prefix}{key}", f"is {_shown(value)}; allowed: {allowed[key].allowed}")
    for key, field_ in allowed.items():
        if field_.required and key not in given:
            yield Problem(f"{prefix}{key}", f"missing; allowed: {field_.allowed}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDefinition:
    """One task; a field that is None is not sent, so the server's default holds."""

    name: str
    command: str
    upstream: tuple[str, ...] = ()
    array: str | None = None
    cluster: str | None = None
    queue: str | None = None
    requested_resources: dict[str, Any] | None = None
    max_attempts: int | None = None
    resource_scales: dict[str, float | list[Any]] | None = None
    fallback_queues: list[str] | None = None
    priority: int | None = None
    lost_contact: str | None = None
    attributes: dict[str, Any] | None = None
    working_directory: str | None = None
    environment: dict[str, str] | None = None
    retry_delay: float | dict[str, float] | None = None

    def payload(self) -> dict[str, Any]:
        """Return what binding sends for this task."""
        sent = {key: value for key in _TASK_KEYS if (value := getattr(self, key)) is not None}
        if self.working_directory is not None:
            sent["working_directory"] = absolute(self.working_directory)
        sent["upstream"] = list(self.upstream)
        return sent


_TASK_KEYS = tuple(key.name for key in fields(TaskDefinition))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowDefinition:
    """A set of tasks and their dependencies; `arrays` holds limits on concurrently running tasks by array name."""

    name: str
    tasks: tuple[TaskDefinition, ...]
    attributes: dict[str, Any] | None = None
    max_concurrently_running: int | None = None
    callback_url: str | None = None
    expiry_seconds: int | None = None
    working_directory: str | None = None
    environment: dict[str, str] | None = None
    retry_delay: float | dict[str, float] | None = None
    lost_contact: str | None = None
    arrays: dict[str, int] = field(default_factory=dict)

    def payload(self) -> dict[str, Any]:
        """Return what the definition says of the workflow itself."""
        return {key: value for key in WORKFLOW_FIELDS if (value := getattr(self, key)) is not None}

    def payload_from_here(self) -> dict[str, Any]:
        """Return what binding sends: commands run where the caller stands, unless the definition says where."""
        directory = absolute(self.working_directory or ".")
        given = self.payload()
        return given if directory is None else {**given, "working_directory": directory}

    def on_cluster(self, cluster: str) -> WorkflowDefinition:
        """Return the same workflow with every task on this cluster."""
        return replace(self, tasks=tuple(replace(task, cluster=cluster) for task in self.tasks))

    def clusters(self, default: str) -> list[str]:
        """Return the clusters that its tasks name, each once; `default` stands for tasks that name none."""
        return sorted({task.cluster or default for task in self.tasks})


def checked(definition: WorkflowDefinition, source: str = "") -> WorkflowDefinition:
    """Return the definition if names are unique and upstreams exist without a cycle; else raise InvalidDefinition."""
    names = Counter(task.name for task in definition.tasks)
    problems = [
        Problem(name, f"{count} tasks have this name; a name is unique in its workflow")
        for name, count in names.items()
        if count > 1
    ]
    for task in definition.tasks:
        unknown = [name for name in task.upstream if name not in names]
        problems += [
            Problem(task.name, f"its upstream {name!r} is no task of this workflow") for name in unknown
        ]
    if not problems and (cycle := find_cycle({task.name: task.upstream for task in definition.tasks})):
        problems.append(Problem("", f"these tasks wait for each other: {' -> '.join(cycle)}"))
    if problems:
        raise InvalidDefinition(problems, source)
    return definition


def in_order(upstreams: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the names so that each comes after its upstreams; those on or behind a cycle are left out."""
    left = {name: len(set(above)) for name, above in upstreams.items()}
    downstreams: dict[str, list[str]] = {name: [] for name in upstreams}
    for name, above in upstreams.items():
        for upstream in set(above):
            downstreams[upstream].append(name)
    ordered = [name for name, count in left.items() if count == 0]
    for name in ordered:
        for downstream in downstreams[name]:
            left[downstream] -= 1
            if left[downstream] == 0:
                ordered.append(downstream)
    return ordered


def find_cycle(upstreams: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the names of one cycle in the order of dependency, the first repeated at the end; [] if there is none."""
    stuck = {name: list(above) for name, above in upstreams.items()}
    for name in in_order(upstreams):
        del stuck[name]
    if not stuck:
        return []
    path = [next(iter(stuck))]
    while True:
        upstream = next(name for name in stuck[path[-1]] if name in stuck)
        if upstream in path:
            return [upstream, *reversed(path[path.index(upstream) :])]
        path.append(upstream)


def calls(
    tasks: Sequence[TaskDefinition], most: int = TASKS_IN_A_CALL, most_bytes: int = BYTES_IN_A_CALL
) -> Iterator[list[dict[str, Any]]]:
    """Yield what each binding call sends: all in one, or in pieces in which upstreams come first."""
    by_name = {task.name: task for task in tasks}
    ordered = list(by_name) if len(tasks) <= most else in_order({task.name: task.upstream for task in tasks})
    payloads = [by_name[name].payload() for name in ordered]
    sizes = [len(json.dumps(payload)) for payload in payloads]
    if len(payloads) <= most and sum(sizes) > most_bytes:
        ordered = in_order({task.name: task.upstream for task in tasks})
        payloads = [by_name[name].payload() for name in ordered]
        sizes = [len(json.dumps(payload)) for payload in payloads]
    piece: list[dict[str, Any]] = []
    weight = 0
    for payload, size in zip(payloads, sizes, strict=True):
        if piece and (len(piece) == most or weight + size > most_bytes):
            yield piece
            piece, weight = [], 0
        piece.append(payload)
        weight += size
    if piece:
        yield piece
