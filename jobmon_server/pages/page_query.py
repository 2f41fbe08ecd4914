"""From a page's query string to a query: the filters of its bar, kept in the URL, and where in the list it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from jobmon_client.states import Status, TaskInstanceStatus, TaskStatus, WorkflowStatus
from jobmon_server.db.search import Condition, Entity, InvalidQuery, Query
from jobmon_server.db.search.simple_filters import parse_simple

ROWS = 50
LARGEST_PAGE_NUMBER = 10_000_000


@dataclass(frozen=True, slots=True)
class ListPage:
    """A list of one entity: its heading, the columns of its table, the words and the texts it can be narrowed by."""

    entity: Entity
    heading: str
    columns: tuple[str, ...]
    statuses: type[Status]
    texts: tuple[str, ...]
    extras: tuple[str, ...] = ()


_OWNERS = ("owner", "client_id")
KINDS = {
    "workflows": ListPage(
        Entity.WORKFLOW,
        "Workflows",
        ("workflow_id", "name", "status", "owner", "created_at", "finished_at", "expires_at"),
        WorkflowStatus,
        ("name", *_OWNERS, "workflow_id"),
        ("tasks",),
    ),
    "tasks": ListPage(
        Entity.TASK,
        "Tasks",
        ("task_id", "workflow_id", "name", "status", "num_attempts", "max_attempts", "cluster", "updated_at"),
        TaskStatus,
        ("name", "workflow_id", "cluster", *_OWNERS),
    ),
    "task_instances": ListPage(
        Entity.TASK_INSTANCE,
        "Attempts",
        (
            *("task_instance_id", "task_id", "workflow_id", "name", "attempt", "status", "reason_code"),
            *("nodename", "distributor_id", "status_at", "report_by"),
        ),
        TaskInstanceStatus,
        ("name", "workflow_id", "task_id", "cluster", "distributor_id", *_OWNERS),
    ),
}


@dataclass(slots=True)
class ListRequest:
    """What somebody asked of a list: as it was written, as a query, and what was wrong with it by the field's name."""

    kind: ListPage
    statuses: list[str]
    texts: dict[str, str]
    page: int
    conditions: list[Condition] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def query(self) -> Query:
        """The query, for one page of rows and how many there are in all."""
        return Query(
            conditions=tuple(self.conditions),
            fields=self.kind.columns,
            extras=self.kind.extras,
            limit=ROWS,
            offset=(self.page - 1) * ROWS,
        )

    def at(self, page: int) -> str:
        """Return the query string of another page of the same list."""
        given = [("status", one) for one in self.statuses]
        given += [(name, text) for name, text in self.texts.items() if text]
        return urlencode([*given, ("page", page)])


def asked(kind: ListPage, given: MultiDict[str, str]) -> ListRequest:
    """Read a query string; what cannot be is told beside its field, and the rest is taken."""
    words = [word for word in given.getlist("status") if word]
    texts = {name: given.get(name, "").strip() for name in kind.texts}
    found = ListRequest(kind, words, texts, 1)
    _take(found, "page", lambda: setattr(found, "page", _page(given.get("page") or "1")))
    if words:
        _take(found, "status", lambda: found.conditions.append(_simple(kind.entity, "status", words)))
    for name, text in texts.items():
        if text:
            _take(
                found,
                name,
                lambda name=name, text=text: found.conditions.append(_simple(kind.entity, name, text)),
            )
    known = {"page", "status", *kind.texts}
    found.problems |= {
        name: f"is no filter of this list: {_listed(known)}" for name in given if name not in known
    }
    return found


def _take(found: ListRequest, name: str, take: Any) -> None:
    try:
        take()
    except InvalidQuery as wrong:
        found.problems[name] = wrong.problem


def _simple(entity: Entity, name: str, value: Any) -> Condition:
    return parse_simple(entity, name, value, is_text=True)


def _page(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text[:9]) <= LARGEST_PAGE_NUMBER and len(text) < 9:
        return int(text)
    raise InvalidQuery(f"must be a whole number from 1 to {LARGEST_PAGE_NUMBER}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
