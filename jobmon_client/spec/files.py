"""Workflow files: YAML or JSON in, a checked WorkflowDefinition out; every problem told at once, with its place."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jobmon_client.spec import wfformat
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
from jobmon_client.spec.fields import Field

FILE_FIELDS: dict[str, Field] = {
    **WORKFLOW_FIELDS,
    "defaults": Field("an object with " + ", ".join(SHARED_FIELDS), lambda value: isinstance(value, dict)),
    "arrays": Field(
        "a list of objects with " + ", ".join(ARRAY_FIELDS), lambda value: isinstance(value, list)
    ),
    "tasks": Field(
        "a list of objects with " + ", ".join(TASK_FIELDS),
        lambda value: isinstance(value, list),
        required=True,
    ),
}


def load(path: Path, time_scale: float | None = None) -> WorkflowDefinition:
    """Read a workflow file or a WfFormat trace, whose recorded seconds are multiplied by `time_scale`; raise
    InvalidDefinition."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidDefinition([Problem("", f"cannot be read: {reason}")], str(path)) from error
    document = parse(text, path)
    if wfformat.is_trace(document):
        return wfformat.workflow_of(document, 1.0 if time_scale is None else time_scale, str(path))
    if time_scale is not None:
        raise InvalidDefinition([Problem("time scale", "only a trace has runtimes to be scaled")], str(path))
    return workflow_of(document, str(path))


def parse(text: str, path: Path) -> Any:
    """Return the document of a JSON or YAML text; bad syntax and repeated keys raise InvalidDefinition with file:line."""
    is_json = path.suffix.lower() == ".json" or (path.suffix == "" and text.lstrip()[:1] == "{")
    return _parse_json(text, str(path)) if is_json else _parse_yaml(text, str(path))


def workflow_of(document: Any, source: str) -> WorkflowDefinition:
    """Return the workflow that a document describes; raise InvalidDefinition with all its problems."""
    if problems := list(_problems(document)):
        raise InvalidDefinition(problems, source)
    defaults = document.get("defaults", {})
    tasks = (defaults | task for task in document["tasks"])
    return checked(
        WorkflowDefinition(
            **{key: document[key] for key in WORKFLOW_FIELDS if key in document},
            arrays={array["name"]: array["max_concurrently_running"] for array in document.get("arrays", [])},
            tasks=tuple(
                TaskDefinition(**task | {"upstream": tuple(task.get("upstream", ()))}) for task in tasks
            ),
        ),
        source,
    )


def _problems(document: Any) -> Iterator[Problem]:
    yield from examine(FILE_FIELDS, document, "")
    if not isinstance(document, dict):
        return
    if isinstance(defaults := document.get("defaults"), dict):
        yield from examine(SHARED_FIELDS, defaults, "defaults")
    for key, allowed in (("arrays", ARRAY_FIELDS), ("tasks", TASK_FIELDS)):
        if isinstance(items := document.get(key), list):
            for position, item in enumerate(items):
                yield from examine(allowed, item, f"{key}.{position}")


class _RepeatedKey(Exception):
    """A JSON object has one key twice."""


def _parse_json(text: str, source: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise InvalidDefinition([Problem(f"line {error.lineno}", error.msg)], source) from error
    except ValueError as error:
        raise InvalidDefinition([Problem("", str(error))], source) from error
    except RecursionError as error:
        raise InvalidDefinition([Problem("", "nested too deeply")], source) from error
    except _RepeatedKey as error:
        # JSON's parser knows no lines here; YAML's, which reads JSON too, does.
        _parse_yaml(text.replace("\t", " "), source)
        raise InvalidDefinition([Problem("", str(error))], source) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        repeated = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise _RepeatedKey(f"the key {repeated!r} occurs twice in one object")
    return made


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is no JSON number")


def _parse_yaml(text: str, source: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise InvalidDefinition(
            [Problem("", "reading YAML needs PyYAML: pip install 'jobmon[cli]' (JSON needs nothing)")], source
        ) from error
    from jobmon_client.spec.yaml_loader import load_yaml

    try:
        return load_yaml(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}" if mark else ""
        raise InvalidDefinition(
            [Problem(where, error.problem or error.context or "bad syntax")], source
        ) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InvalidDefinition([Problem("", str(error).splitlines()[0])], source) from error
