"""What a workflow and a task say of how commands run, between the wire and the columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: What it is called where it is bound; a digest leaves out those that are not given, as older ones have none.
EXECUTION = ("working_directory", "environment", "retry_delay")
_PARTS = ("seconds", "factor", "jitter")


def as_columns(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return a definition with the delay in its columns; what is not given is null."""
    delay = definition.get("retry_delay") or {}
    delay = delay if delay.get("seconds") else {}
    rest = {name: value for name, value in definition.items() if name != "retry_delay"}
    return {
        "working_directory": None,
        "environment": None,
        **rest,
        **{f"retry_{part}": delay.get(part) for part in _PARTS},
    }


def as_told(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with the delay as it is bound, null where there is none."""
    delay = {part: row[f"retry_{part}"] for part in _PARTS}
    rest = {name: value for name, value in row.items() if name.removeprefix("retry_") not in _PARTS}
    return {**rest, "retry_delay": None if delay["seconds"] is None else delay}


def with_defaults(task: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's definition with what its workflow says where the task says nothing.

    The workflow's environment stays with the workflow: the task's own is then `{}`, so that a start looks for it.
    """
    given = {name: task.get(name) for name in EXECUTION}
    found = {name: defaults.get(name) if value is None else value for name, value in given.items()}
    if given["environment"] is None:
        found["environment"] = {} if defaults.get("environment") else None
    return {**task, **found}


def merged_environment(
    of_workflow: Mapping[str, str] | None, of_task: Mapping[str, str] | None
) -> dict[str, str]:
    """Return what a task's command gets: the workflow's variables, the task's own over them."""
    return {**(of_workflow or {}), **(of_task or {})}
