"""A second opinion on the query language: the plain reading of each operator, over objects in memory."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from jobmon_client.states import (
    AccountingStatus,
    TaskInstanceStatus,
    TaskStatus,
    WorkflowRunStatus,
    WorkflowStatus,
)

Row = dict[str, Any]
VOCABULARIES = {
    "workflow": {"status": WorkflowStatus, "workflow_run_status": WorkflowRunStatus},
    "task": {"status": TaskStatus, "task_instance_status": TaskInstanceStatus},
    "task_instance": {
        "status": TaskInstanceStatus,
        "task_status": TaskStatus,
        "accounting": AccountingStatus,
    },
}
#: What asks for a time: any of these begins what it means.
TIME = re.compile(r"\d{4}(-\d\d(-\d\d(T.*Z)?)?)?")


def is_time(field: str) -> bool:
    return field.endswith("_at") or field == "report_by"


def compare(field: str, operator: str, has: Any, value: Any) -> bool:
    """Whether a field that has this meets the condition; null meets nothing but `eq` null."""
    if value is None:
        return (has is None) == (operator == "eq")
    if has is None:
        return False
    if operator in {"in", "not_in"}:
        return any(compare(field, "eq", has, one) for one in value) == (operator == "in")
    if operator in {"like", "not_like"}:
        return fnmatch.fnmatchcase(has, value) == (operator == "like")
    if operator == "regex":
        return re.search(value, has) is not None
    if is_time(field):
        value = value.removesuffix("Z")
        has = has[: len(value)]
    return _ordered(operator, has, value)


def _ordered(operator: str, has: Any, value: Any) -> bool:
    ways: dict[str, Callable[[], bool]] = {
        "eq": lambda: has == value,
        "neq": lambda: has != value,
        "gt": lambda: has > value,
        "lt": lambda: has < value,
        "ge": lambda: has >= value,
        "le": lambda: has <= value,
    }
    return bool(ways[operator]())


def spelled(value: Any) -> str:
    """An attribute's value as it is compared: what a query string can say of it."""
    return value if isinstance(value, str) else json.dumps(value)


def meets(row: Row, condition: dict[str, Any]) -> bool:
    """Whether a row meets a condition of a search document."""
    field, operator, value = condition["field"], condition["operator"], condition["value"]
    if not field.startswith("attributes."):
        return compare(field, operator, row[field], value)
    attributes, name = row["attributes"] or {}, field.removeprefix("attributes.")
    if name not in attributes:
        return False
    wanted = [spelled(one) for one in value] if isinstance(value, list) else spelled(value)
    return compare("an attribute", operator, spelled(attributes[name]), wanted)


def sift(row: Row, name: str, value: Any) -> bool:
    """Whether a row passes a simple filter, as a document spells it."""
    many = value if isinstance(value, list) else [value]
    if f"?{name}" in row:
        return bool(row[f"?{name}"] == value)
    if name == "attempts":
        return any(_is_attempt(row, one) for one in many)
    if name == "attempt" and value == "last":
        return bool(row["?last"])
    if name == "distributor_id":
        has = row[name]
        return has is not None and any(
            has == one or (has.startswith(f"{one}_") and "_" not in one) for one in many
        )
    stem, _, bound = name.rpartition("_")
    if bound in {"after", "before"}:
        return compare(f"{stem}_at", "ge" if bound == "after" else "lt", row[f"{stem}_at"], value)
    if name in {"name", "nodename"} and isinstance(value, str):
        return compare(name, "like", row[name], value)
    return any(compare(name, "eq", row[name], one) for one in many)


def _is_attempt(row: Row, pair: str) -> bool:
    of_task, attempt = pair.split(":")
    is_it = row["?last"] if attempt == "last" else str(row["attempt"]) == attempt
    return str(row["task_id"]) == of_task and bool(is_it)


def ordered(entity: str, rows: Iterable[Row], sort: list[str]) -> list[Row]:
    """The rows by these keys, nulls first where a key ascends; then by id, in the direction of the last."""
    keys = sort or [f"-{entity}_id"]
    direction = "-" if keys[-1].startswith("-") else ""
    found = list(rows)
    for key in reversed([*keys, f"{direction}{entity}_id"]):
        name = key.removeprefix("-")
        words = VOCABULARIES[entity].get(name)
        places = {str(word): place for place, word in enumerate(words)} if words else None

        def place(row: Row, name: str = name, places: Any = places) -> Any:
            value = row[name]
            value = places[value] if places and value is not None else value
            return (value is not None, 0 if value is None else value)

        found.sort(key=place, reverse=key.startswith("-"))
    return found
