"""The query language: lists, counts, summaries, streams of workflows, tasks and task instances.

Filters are keywords: a field's name with one value or a list of any (an empty list selects nothing), `X_after` and
`X_before`, `name="fit_*"`, `held=True`, `attributes={"study": "a"}`; or `search=[{"field", "operator", "value"}]` in
their place. Times may be datetimes: one without a zone is the caller's local time. docs/how-to/query.md has them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from jobmon_client.api.base import Calls
from jobmon_client.errors import NotFound
from jobmon_client.states import TaskStatus

PAGE = 1000
SHAPES = frozenset({"fields", "detail", "sort", "distinct", "search"})
NOT_FOUND: Literal["NOT_FOUND"] = "NOT_FOUND"
"""What `get_status` says of an id that no task has; never a status of anything."""


class Search(Calls):
    """`kind` is `workflow`, `task` or `task_instance`; rows are plain objects with the fields that were asked for."""

    def find(self, kind: str, *, limit: int = 50, **asked: Any) -> Iterator[dict[str, Any]]:
        """Yield rows, newest first unless sorted, up to `limit`; with 0 all there are, page after page.

        Beside filters: `fields`, `sort` (a list of names, `-name` descending), `detail="full"`, `distinct=True`.
        """
        document, left, cursor = _document(asked), limit or None, None
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            page = self._post(f"/{kind}/search", **document, limit=size, cursor=cursor, total=False)
            yield from page[f"{kind}s"]
            left = None if left is None else left - len(page[f"{kind}s"])
            cursor = page["next"]
            if cursor is None:
                return

    def find_workflows(self, *, limit: int = 50, **asked: Any) -> Iterator[dict[str, Any]]:
        """Yield workflows; see `find`."""
        return self.find("workflow", limit=limit, **asked)

    def find_tasks(self, *, limit: int = 50, **asked: Any) -> Iterator[dict[str, Any]]:
        """Yield tasks; see `find`."""
        return self.find("task", limit=limit, **asked)

    def find_task_instances(self, *, limit: int = 50, **asked: Any) -> Iterator[dict[str, Any]]:
        """Yield instances; see `find`."""
        return self.find("task_instance", limit=limit, **asked)

    def page(self, kind: str, **asked: Any) -> dict[str, Any]:
        """Return one page as the server gives it: the rows, `next`, `total`, `limit`; `page`, `offset`, `cursor` choose it."""
        places = {
            name: asked.pop(name) for name in ("limit", "page", "offset", "cursor", "total") if name in asked
        }
        return self._post(f"/{kind}/search", **_document(asked), **places)

    def count(self, kind: str, **filters: Any) -> int:
        """Return how many there are."""
        return int(self._post(f"/{kind}/count", **_document(filters))["count"])

    def summary(self, kind: str, by: Sequence[str], **filters: Any) -> list[dict[str, Any]]:
        """Return, for each combination of these fields that occurs, the fields and `count`."""
        return list(self._post(f"/{kind}/summary", by=list(by), **_document(filters))["groups"])

    def stream(self, kind: str, **asked: Any) -> Iterator[dict[str, Any]]:
        """Yield all rows of one reply as they come; Unreachable where it breaks off."""
        return self._http.lines(f"/{kind}/stream", _document(asked))

    def workflow_of(
        self, *, task_id: int | None = None, task_instance_id: int | None = None
    ) -> dict[str, Any]:
        """Return the workflow that a task or an instance belongs to; give one of them."""
        return self._get("/workflow/find", task_id=task_id, task_instance_id=task_instance_id)

    def task_instance_of(
        self,
        *,
        task_id: int | None = None,
        attempt: int | None = None,
        distributor_id: str | None = None,
    ) -> dict[str, Any] | None:
        """Return a task's last instance or one of its attempts, or the newest of a cluster's id; None if there is none."""
        try:
            return self._get(
                "/task_instance/find", task_id=task_id, attempt=attempt, distributor_id=distributor_id
            )
        except NotFound:
            return None

    def task_or_none(self, task_id: int) -> dict[str, Any] | None:
        """Return a task, or None where nothing has the id."""
        try:
            return self._get(f"/task/{task_id}")
        except NotFound:
            return None

    def get_status(self, task_id: int) -> TaskStatus | Literal["NOT_FOUND"]:
        """Return a task's status, or `NOT_FOUND` where nothing has the id."""
        found = self._post("/task/search", filter={"task_id": task_id}, fields=["status"], total=False)[
            "tasks"
        ]
        return TaskStatus[found[0]["status"]] if found else NOT_FOUND

    def commands_of(self, task_ids: Iterable[int]) -> tuple[dict[int, str], list[int]]:
        """Return the commands of up to 1,000 tasks by id, and the ids that no task has."""
        body = self._post("/task/commands", task_ids=list(task_ids))
        return {one["task_id"]: one["command"] for one in body["commands"]}, list(body["missing"])


def _document(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Make the document: what shapes the list as it is, everything else a filter."""
    document = {name: spelled(value) for name, value in asked.items() if name in SHAPES}
    filters = {name: spelled(value) for name, value in asked.items() if name not in SHAPES}
    # Both go to the server if both are given: it refuses that, and says why.
    return {**document, **({"filter": filters} if filters else {})}


def spelled(value: Any) -> Any:
    """Return a value as the wire has it: a datetime in UTC, read in the caller's zone if it says none; sets as lists."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    if isinstance(value, Mapping):
        return {name: spelled(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset | range):
        return [spelled(one) for one in value]
    return value
