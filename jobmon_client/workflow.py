"""Workflows in Python: a few lines for tasks and their dependencies, then `run()`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog

from jobmon_client import config, log
from jobmon_client.definition import (
    ARRAY_FIELDS,
    SHARED_FIELDS,
    TASK_FIELDS,
    WORKFLOW_FIELDS,
    InvalidDefinition,
    Problem,
    TaskDefinition,
    WorkflowDefinition,
    checked,
    examine,
)
from jobmon_client.progress import shown
from jobmon_client.run import Result, run


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a workflow, to be named as an upstream of others."""

    name: str


class Workflow:
    """Gathers tasks; nothing is sent anywhere before `run()`.

    workflow = Workflow("greetings")
    hello = workflow.task("hello", "echo hello > hello.txt")
    workflow.task("count", "wc hello.txt", upstream=[hello])
    result = workflow.run()
    """

    def __init__(
        self,
        name: str,
        *,
        attributes: dict[str, Any] | None = None,
        max_concurrently_running: int | None = None,
        **defaults: Any,
    ) -> None:
        """Take defaults for its tasks: any field of `task` but name, command and upstream. Raise InvalidDefinition."""
        self.name = name
        self._attributes = attributes
        self._limit = max_concurrently_running
        self._defaults = defaults
        self._tasks: dict[str, TaskDefinition] = {}
        self._arrays: dict[str, int] = {}
        given = {"name": name, "attributes": attributes, "max_concurrently_running": max_concurrently_running}
        problems = [
            *examine(WORKFLOW_FIELDS, {key: value for key, value in given.items() if value is not None}, ""),
            *examine(SHARED_FIELDS, defaults, ""),
        ]
        if problems:
            raise InvalidDefinition(problems, f"workflow {name!r}")

    def array(self, name: str, *, max_concurrently_running: int) -> None:
        """Limit how many tasks of an array run at once; 0 pauses it."""
        array = {"name": name, "max_concurrently_running": max_concurrently_running}
        if problems := list(examine(ARRAY_FIELDS, array, "")):
            raise InvalidDefinition(problems, f"array {name!r}")
        self._arrays[name] = max_concurrently_running

    def task(self, name: str, command: str, *, upstream: Iterable[Task | str] = (), **fields: Any) -> Task:
        """Add a task whose command is for `/bin/sh -c`; raise InvalidDefinition.

        An upstream is a task or a name, also one that is added later. Fields: `array`, `cluster`, `queue`,
        `requested_resources`, `max_attempts`, `resource_scales`, `fallback_queues`, `priority`, `attributes`.
        """
        given = self._defaults | {key: value for key, value in fields.items() if value is not None}
        names = upstream if isinstance(upstream, str | Task) else tuple(map(_name, upstream))
        problems = list(
            examine(TASK_FIELDS, {"name": name, "command": command, "upstream": names} | given, "")
        )
        if not problems and name in self._tasks:
            problems.append(Problem("name", "another task has this name; a name is unique in its workflow"))
        if problems:
            raise InvalidDefinition(problems, f"task {name!r}")
        self._tasks[name] = TaskDefinition(
            name=name, command=command, upstream=tuple(map(str, names)), **given
        )
        return Task(name)

    @property
    def definition(self) -> WorkflowDefinition:
        """What will be bound; raise InvalidDefinition for an unknown upstream or a cycle."""
        return checked(
            WorkflowDefinition(
                name=self.name,
                attributes=self._attributes,
                max_concurrently_running=self._limit,
                arrays=dict(self._arrays),
                tasks=tuple(self._tasks.values()),
            ),
            f"workflow {self.name!r}",
        )

    def run(
        self,
        *,
        cluster: str | None = None,
        concurrency: int | None = None,
        server_url: str | None = None,
        progress: bool = True,
        **settings: object,
    ) -> Result:
        """Run it to its end, on an embedded server if none is named; raise a JobmonError.

        `cluster` overrides what the tasks name; `settings` are those of `jobmon config show`.
        """
        definition = self.definition
        chosen = config.load({"concurrency": concurrency, "server_url": server_url, **settings})
        if not structlog.is_configured():
            log.configure(chosen.log_level)
        with shown(self.name, enabled=progress) as on_progress:
            return run(definition, chosen, cluster=cluster, on_progress=on_progress)


def _name(upstream: Task | str) -> str:
    return upstream.name if isinstance(upstream, Task) else upstream
