"""An array of tasks from one command with fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jobmon_client.running.task import Task, Upstream, upstream_names
from jobmon_client.spec.keywords import TaskKeywords
from jobmon_client.spec.templates import CommandTemplate, kept, rows_of


class Template:
    """Makes the tasks of one array; see `Workflow.template`."""

    def __init__(
        self,
        add_task: Callable[..., Task],
        limit_array: Callable[..., None],
        *,
        template: CommandTemplate,
        fields: TaskKeywords,
    ) -> None:
        """Make tasks with these fields; `add_task` and `limit_array` are `task` and `array` of their workflow."""
        self._add_task, self._limit_array = add_task, limit_array
        self._template = template
        self._fields = fields

    def task(self, *, upstream: Upstream = (), name: str | None = None, **arguments: Any) -> Task:
        """Add one task; its name tells the arguments unless one is given. Raise InvalidDefinition."""
        command = self._template.fill(arguments)
        attributes = {**(self._fields.get("attributes") or {}), "arguments": kept(arguments)}
        return self._add_task(
            name or self._template.task_name(arguments),
            command,
            upstream=upstream,
            **{**self._fields, "attributes": attributes},
        )

    def expand(
        self,
        *,
        upstream: Upstream = (),
        rows: Iterable[Mapping[str, Any]] | None = None,
        max_concurrently_running: int | None = None,
        **lists: Iterable[Any],
    ) -> list[Task]:
        """Add a task for every combination of the lists' values, or for each of `rows`; raise InvalidDefinition.

        `max_concurrently_running` limits how many tasks of the array run at once.
        """
        self._template.check(lists if rows is None else self._template.fields)
        kept_lists = {
            key: values if isinstance(values, str | bytes | Mapping) else list(values)
            for key, values in lists.items()
        }
        above = tuple(upstream_names(upstream))
        if max_concurrently_running is not None:
            self._limit_array(self._fields["array"], max_concurrently_running=max_concurrently_running)
        return [self.task(upstream=above, **row) for row in rows_of(rows, kept_lists, self._template.name)]
