"""Workflows in Python: a few lines for tasks and their dependencies, then `run()`."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Unpack

import structlog

from jobmon_client import config, log
from jobmon_client.errors import JobmonError, NotJson
from jobmon_client.payload import plain
from jobmon_client.running.background import Running, StillRunning
from jobmon_client.running.connection import connected
from jobmon_client.running.interrupts import Interrupts
from jobmon_client.running.progress import shown
from jobmon_client.running.result import Result
from jobmon_client.running.run import OnProgress, run
from jobmon_client.running.run import resume as resume_run
from jobmon_client.running.task import STREAMS, Task, TaskLogs, Upstream, read_stream, upstream_names
from jobmon_client.running.template import Template
from jobmon_client.setting_checks import SettingKeywords
from jobmon_client.spec.definition import (
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
from jobmon_client.spec.keywords import TaskDefaults, TaskKeywords
from jobmon_client.spec.templates import CommandTemplate


class Workflow:
    """Gathers tasks; nothing is sent anywhere before `run()`.

    workflow = Workflow("greetings")
    hello = workflow.task("hello", "echo hello > hello.txt")
    workflow.task("count", "wc hello.txt", upstream=[hello])
    result = workflow.run()

    Args:
        callback_url: Where the server tells how it ended.
        expiry_seconds: How long it is kept after its end.
        working_directory: Where commands run; where the caller stands when it is run if not given.
        environment: Variables for its commands; no secrets: everybody can read them.
        retry_delay: Seconds from a failed attempt to the next, or `{"seconds": 10, "factor": 2, "jitter": 0.1}`.
        lost_contact: Whether a worker that is out of touch goes on (`continue`) or ends its command (`stop`).
    """

    def __init__(  # noqa: PLR0913 - each is a field of a workflow
        self,
        name: str,
        *,
        attributes: Any = None,
        max_concurrently_running: int | None = None,
        callback_url: str | None = None,
        expiry_seconds: int | None = None,
        working_directory: str | os.PathLike[str] | None = None,
        environment: Mapping[str, str] | None = None,
        retry_delay: float | Mapping[str, float] | None = None,
        lost_contact: str | None = None,
        **defaults: Unpack[TaskDefaults],
    ) -> None:
        """Take, beside its own fields, defaults for its tasks: any field of `task`. Raise InvalidDefinition."""
        self.name = name
        given = {
            "name": name,
            "attributes": _written(attributes),
            "max_concurrently_running": max_concurrently_running,
            "callback_url": callback_url,
            "expiry_seconds": expiry_seconds,
            "working_directory": working_directory and os.fspath(working_directory),
            "environment": _written(environment),
            "retry_delay": _written(retry_delay),
            "lost_contact": lost_contact,
        }
        self._given = {key: value for key, value in given.items() if value is not None}
        self._defaults: dict[str, Any] = dict(defaults)
        self._tasks: dict[str, TaskDefinition] = {}
        self._arrays: dict[str, int] = {}
        self._settings: config.Settings | None = None
        self.workflow_id: int | None = None  # as the server gave it; None before it was run
        if problems := [*examine(WORKFLOW_FIELDS, self._given, ""), *examine(SHARED_FIELDS, defaults, "")]:
            raise InvalidDefinition(problems, f"workflow {name!r}")

    def array(self, name: str, *, max_concurrently_running: int) -> None:
        """Limit how many tasks of an array run at once; 0 pauses it."""
        array = {"name": name, "max_concurrently_running": max_concurrently_running}
        if problems := list(examine(ARRAY_FIELDS, array, "")):
            raise InvalidDefinition(problems, f"array {name!r}")
        self._arrays[name] = max_concurrently_running

    def task(
        self, name: str, command: str, *, upstream: Upstream = (), **fields: Unpack[TaskKeywords]
    ) -> Task:
        """Add a task.

        Args:
            name: unique in its workflow.
            command: for `/bin/sh -c`.
            upstream: what it waits for: a task, a name, also of one that is added later, or any list of those.
            fields: over the workflow's defaults; `environment` is merged with the workflow's, name by name.

        Returns:
            The task, to be named as an upstream of others.

        Raises:
            InvalidDefinition: a field is unknown or has a value that it cannot have, or the name is taken.
        """
        told = {key: value for key, value in fields.items() if value is not None}
        given: dict[str, Any] = {**self._defaults, **told}
        if "working_directory" in given:
            given["working_directory"] = os.fspath(given["working_directory"])
        if "attributes" in given:
            given["attributes"] = _written(given["attributes"])
        names = tuple(upstream_names(upstream))
        problems = list(
            examine(TASK_FIELDS, {"name": name, "command": command, "upstream": names} | given, "")
        )
        if not problems and name in self._tasks:
            problems.append(Problem("name", "another task has this name; a name is unique in its workflow"))
        if problems:
            raise InvalidDefinition(problems, f"task {name!r}")
        self._tasks[name] = TaskDefinition(name=name, command=command, upstream=names, **given)
        return Task(name, self._read_logs)

    @property
    def definition(self) -> WorkflowDefinition:
        """What will be bound; raise InvalidDefinition for an unknown upstream or a cycle."""
        return checked(
            WorkflowDefinition(
                **self._given,
                arrays=dict(self._arrays),
                tasks=tuple(self._tasks.values()),
            ),
            f"workflow {self.name!r}",
        )

    def template(
        self, name: str, command: str, *, quoted: bool = True, **fields: Unpack[TaskKeywords]
    ) -> Template:
        """Return what makes tasks of one array, `name`, from a command with fields; raise InvalidDefinition.

        fit = workflow.template("fit", "python fit.py --place {place} --year {year}", max_attempts=5)
        fits = fit.expand(place=places, year=range(1990, 2021), upstream=[download])

        Arguments are quoted for the shell unless `quoted` is False. `fields` are those of `task`.
        """
        return Template(
            self.task,
            self.array,
            template=CommandTemplate(name, command, quoted),
            fields={"array": name, **fields},
        )

    def run(
        self,
        *,
        cluster: str | None = None,
        concurrency: int | None = None,
        server_url: str | None = None,
        progress: bool = True,
        **settings: Unpack[SettingKeywords],
    ) -> Result:
        """Run it to its end, on an embedded server if none is named; raise a JobmonError.

        `cluster` overrides what the tasks name; `settings` are those of `jobmon config show`.
        """
        chosen = config.load({"server_url": server_url, "concurrency": concurrency, **settings})
        definition, self._settings = self.definition, chosen
        _quiet(chosen)
        with shown(self.name, enabled=progress) as on_progress:
            return run(definition, chosen, cluster=cluster, on_progress=self._noting(on_progress))

    def start(
        self,
        *,
        cluster: str | None = None,
        concurrency: int | None = None,
        server_url: str | None = None,
        **settings: Unpack[SettingKeywords],
    ) -> Running:
        """Run it in a thread beside the caller, as `run` does; `wait()` on what is returned."""
        chosen = config.load({"server_url": server_url, "concurrency": concurrency, **settings})
        definition, self._settings = self.definition, chosen
        _quiet(chosen)

        def drive(interrupts: Interrupts, on_progress: OnProgress) -> Result:
            return run(
                definition,
                chosen,
                cluster=cluster,
                on_progress=self._noting(on_progress),
                interrupts=interrupts,
            )

        return Running(drive)

    def resume(self, **options: Any) -> Result:
        """Run what is left of it after `run` or `start` ended; options as of `jobmon_client.resume`."""
        if self.workflow_id is None:
            raise JobmonError(f"workflow {self.name!r} has not been run here: resume it by its id")
        return resume(self.workflow_id, **options)

    def _read_logs(self, name: str, attempt: int | None) -> TaskLogs:
        if self.workflow_id is None or self._settings is None:
            raise JobmonError(f"workflow {self.name!r} has not been run here: no task has logs yet")
        with connected(self._settings) as connection:
            # A search, because a filter of names reads `*` and `?` as wildcards.
            terms = {"workflow_id": self.workflow_id, "name": name}
            search = [{"field": one, "operator": "eq", "value": value} for one, value in terms.items()]
            found = list(
                connection.api.find_task_instances(
                    search=search, fields=["task_instance_id", "attempt"], limit=0
                )
            )
            wanted = max((one["attempt"] for one in found), default=None) if attempt is None else attempt
            ids = [one["task_instance_id"] for one in found if one["attempt"] == wanted]
            if not ids:
                which = "attempt" if attempt is None else f"attempt {attempt}"
                raise JobmonError(f"task {name!r} of workflow {self.workflow_id} has no {which}")
            instance = connection.api.task_instance(ids[0])
        return TaskLogs(ids[0], *(read_stream(instance, one).decode(errors="replace") for one in STREAMS))

    def _noting(self, on_progress: OnProgress) -> OnProgress:
        def note(state: Mapping[str, Any]) -> None:
            self.workflow_id = int(state["workflow_id"])
            on_progress(state)

        return note


def resume(
    workflow_id: int,
    *,
    hot: bool = False,
    cluster: str | None = None,
    concurrency: int | None = None,
    server_url: str | None = None,
    progress: bool = True,
    **settings: Unpack[SettingKeywords],
) -> Result:
    """Run what is left of a workflow whose run has ended, what failed is tried again; raise a JobmonError.

    What still lives is killed first; with `hot` it is left to finish, and counts.
    """
    chosen = config.load({"server_url": server_url, "concurrency": concurrency, **settings})
    _quiet(chosen)
    with shown(f"workflow {workflow_id}", enabled=progress) as on_progress:
        return resume_run(workflow_id, chosen, hot=hot, cluster=cluster, on_progress=on_progress)


def wait(
    workflow_id: int,
    *,
    timeout: float | None = None,
    server_url: str | None = None,
    **settings: Unpack[SettingKeywords],
) -> Result:
    """Wait until a workflow that somebody else drives is over or halted; raise StillRunning after `timeout` seconds."""
    chosen = config.load({"server_url": server_url, **settings})
    began = time.monotonic()
    with connected(chosen) as connection:
        state = connection.api.wait_for_workflow(workflow_id, seconds=timeout)
    if not state["over"]:
        raise StillRunning(f"workflow {workflow_id} is {state['status']} after {timeout:g} s")
    seconds = round(time.monotonic() - began, 3)
    return Result(workflow_id, state["status"], dict(state["tasks"]), seconds)


def _quiet(chosen: config.Settings) -> None:
    if not structlog.is_configured():
        log.configure(chosen.log_level)


def _written(attributes: Any) -> Any:
    """Return a value as JSON has it; what it does not have is left for the examination to name."""
    with suppress(NotJson):
        return plain(attributes)
    return attributes
