"""The filters, the same on every verb of a group: which rows are meant."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from jobmon_client.api.search import spelled
from jobmon_client.cli.options import Shared
from jobmon_client.states import Status, TaskInstanceStatus, TaskStatus, WorkflowStatus

TOPIC = "Filters"
Command = TypeVar("Command", bound=Callable[..., Any])
Conditions = list[dict[str, Any]]
WORKFLOW, TASK, TASK_INSTANCE = "workflow", "task", "task_instance"
STATUSES: dict[str, type[Status]] = {
    WORKFLOW: WorkflowStatus,
    TASK: TaskStatus,
    TASK_INSTANCE: TaskInstanceStatus,
}
OPERATORS = ("eq", "neq", "gt", "lt", "ge", "le", "like", "not_like", "regex", "in", "not_in")
LISTS = frozenset({"in", "not_in"})


def several(text: str) -> list[str]:
    """Read words that are separated by commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def ids(text: str) -> list[int]:
    """Read ids that are separated by commas."""
    try:
        return [int(word) for word in several(text)]
    except ValueError:
        raise click.BadParameter(f"{text!r} is not allowed; give ids, separated by commas") from None


def instant(text: str) -> str:
    """Read a time as ISO 8601 spells it; one that names no zone is the caller's local time. Return it in UTC."""
    try:
        return str(spelled(datetime.fromisoformat(text)))
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{text!r} is no time; give one such as 2026-11-26T09:30") from None


def attribute(text: str) -> tuple[str, str]:
    """Read `name=value`."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{text!r} is not allowed; give name=value")
    return name, value


def value_of(text: str) -> Any:
    """Return what the text spells in JSON, if that is a number, true, false or a string; else the text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, int | float | str) else text


def condition(field: str, operator: str, value: Any) -> dict[str, Any]:
    """Return a condition of the query language."""
    return {"field": field, "operator": operator, "value": value}


def where(field: str, operator: str, text: str) -> dict[str, Any]:
    """Return the condition that was written; `in` and `not_in` take values separated by commas."""
    if operator not in OPERATORS:
        raise click.UsageError(f"--where: {operator!r} is no operator; there are {', '.join(OPERATORS)}")
    return condition(
        field, operator, [value_of(one) for one in several(text)] if operator in LISTS else value_of(text)
    )


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter: the option, for each kind of thing the field that it asks about, and how."""

    option: str
    fields: Mapping[str, str]
    operator: str
    help: str
    metavar: str | None = None
    read: Callable[[str], Any] | None = str

    @property
    def name(self) -> str:
        """The parameter's name."""
        return "filter_" + self.option.strip("-").replace("-", "_")

    @property
    def takes_many(self) -> bool:
        """Whether it may be given again, any of the values being meant."""
        return self.operator in {"in", "each"}

    def decorate(self, command: Command, of: str) -> Command:
        """Add the option."""
        facts: dict[str, Any] = {"cls": Shared, "topic": TOPIC, "help": self.help}
        if self.read is None:
            facts |= {"is_flag": True}
        else:
            facts |= {"metavar": self.metavar, "type": self.read, "multiple": self.takes_many}
        if self.option == "--status":
            facts["shell_complete"] = functools.partial(complete_status, STATUSES[of])
        return click.option(self.option, self.name, **facts)(command)

    def conditions(self, of: str, value: Any) -> Conditions:
        """Return what it says, with the value that click has read."""
        field = self.fields[of]
        if value is None or value is False or value == ():
            return []
        if self.operator == "each":
            return [condition(f"{field}.{name}", "eq", one) for name, one in value]
        if self.operator == "in":
            return [condition(field, "in", [one for given in value for one in given])]
        return [condition(field, self.operator, value)]


def one(text: str) -> list[str]:
    """Take a name as it is: it may have commas in it."""
    return [text]


def complete_status(
    statuses: type[Status], _context: click.Context, _option: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Complete the last of several statuses."""
    before, comma, last = begun.rpartition(",")
    return [
        CompletionItem(f"{before}{comma}{status}")
        for status in statuses
        if status.startswith(last.strip().upper())
    ]


def statuses(text: str) -> list[str]:
    """Read statuses in small or capital letters; the server names the allowed ones."""
    return [word.upper() for word in several(text)]


def _all(field: str) -> dict[str, str]:
    return dict.fromkeys((WORKFLOW, TASK, TASK_INSTANCE), field)


def _of_tasks(field: str) -> dict[str, str]:
    return {TASK: field, TASK_INSTANCE: field}


LOCAL = "local time unless it says a zone."
MADE = {WORKFLOW: "created_at", TASK: "created_at", TASK_INSTANCE: "queued_at"}
FILTERS = (
    Filter("--id", {of: f"{of}_id" for of in STATUSES}, "in", "These ids, by commas or again.", "ID,…", ids),
    Filter("--workflow", _of_tasks("workflow_id"), "in", "Of these workflows.", "ID,…", ids),
    Filter(
        "--task", {TASK_INSTANCE: "task_id", WORKFLOW: "member_task_id"}, "in", "Of these tasks.", "ID,…", ids
    ),
    Filter("--status", _all("status"), "in", "With one of these statuses.", "WORD,…", statuses),
    Filter("--name", _all("name"), "like", "Of this name; *, ? and [ab] stand for others.", "PATTERN"),
    Filter(
        "--attr",
        {WORKFLOW: "attributes", TASK: "attributes"},
        "each",
        "With this attribute; given again, all of them.",
        "NAME=VALUE",
        attribute,
    ),
    Filter("--cluster", _of_tasks("cluster"), "in", "On this cluster, or one of these.", "NAME", one),
    Filter("--queue", _of_tasks("queue"), "in", "In this queue, or one of these.", "NAME", one),
    Filter("--owner", _all("owner"), "in", "Of this owner, or one of these.", "NAME", one),
    Filter("--created-after", MADE, "ge", f"Made at this time or later; {LOCAL}", "TIME", instant),
    Filter("--created-before", MADE, "lt", f"Made before this time; {LOCAL}", "TIME", instant),
    Filter(
        "--updated-after",
        _all("updated_at"),
        "ge",
        f"Changed at this time or later; {LOCAL}",
        "TIME",
        instant,
    ),
    Filter(
        "--updated-before", _all("updated_at"), "lt", f"Changed before this time; {LOCAL}", "TIME", instant
    ),
    Filter("--stale", _all("stale"), "eq", "Whose deadline has passed.", read=None),
    Filter("--held", _all("held"), "eq", "That somebody holds and has promised to speak of.", read=None),
    Filter("--distributor-id", {TASK_INSTANCE: "cluster_id"}, "in", "The cluster's own id of it.", "ID", one),
)


def filters(of: str) -> Callable[[Command], Command]:
    """Add the filters that a kind of thing has; the command gets what they say as `conditions`."""
    known = [one for one in FILTERS if of in one.fields]

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_conditions(*, filter_where: Sequence[tuple[str, str, str]], **given: Any) -> Any:
            conditions = [condition for one in known for condition in one.conditions(of, given.pop(one.name))]
            conditions += [where(*words) for words in filter_where]
            return command(conditions=conditions, **given)

        decorated: Any = with_conditions
        decorated = WHERE(decorated)
        for one in reversed(known):
            decorated = one.decorate(decorated, of)
        return decorated  # type: ignore[no-any-return]

    return decorate


WHERE = click.option(
    "--where",
    "filter_where",
    cls=Shared,
    topic=TOPIC,
    nargs=3,
    multiple=True,
    metavar="FIELD OPERATOR VALUE",
    help=f"Any field of it. Operators: {', '.join(OPERATORS)}.",
)
