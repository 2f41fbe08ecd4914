"""What is done to many at once, or against the tables: acts on a selection, a status by force, deleting, patches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jobmon_client.api.base import Calls
from jobmon_client.api.replies import RunReply, run_reply


class Bulk(Calls):
    """Who is meant is said in one way: `task_ids` (or `workflow_ids`), `filter`, `search`, or `all=True`.

    All of these calls take `preview`, `digest` (as a preview told it), `max_limit` and `on_error` ("stop"); the reply has
    `applied, matched, digest, left`, the ids that were changed, and `outcomes` of the others. Refused, with nothing
    changed, where more match than `max_limit`, or others than the digest tells of.
    """

    def act_on_tasks(
        self, task_ids: Iterable[int] | None, verb: str, *, reason: str | None = None, **terms: Any
    ) -> dict[str, Any]:
        """`stop`, `pause`, `play`, `retry` or `rerun` tasks; `cascade`, for rerun, takes what has begun below them."""
        return self._post(f"/task/{verb}", task_ids=_listed(task_ids), reason=reason, **terms)

    def act_on_workflows(
        self, workflow_ids: Iterable[int] | None, verb: str, *, reason: str | None = None, **terms: Any
    ) -> dict[str, Any]:
        """Do it to every task of these workflows that it may change."""
        return self._post(f"/workflow/{verb}", workflow_ids=_listed(workflow_ids), reason=reason, **terms)

    def force_status(self, task_id: int, status: str, *, reason: str) -> RunReply:
        """Say that a task ended DONE or ERROR_FATAL, whatever the tables say; its last attempt must have ended."""
        path = f"/task/{task_id}/force_status"
        return run_reply(self._post(path, accept=(409,), status=status, reason=reason))

    def force_statuses(
        self, task_ids: Iterable[int] | None, status: str, *, reason: str, **terms: Any
    ) -> dict[str, Any]:
        """Say so of many tasks."""
        facts = {"task_ids": _listed(task_ids), "status": status, "reason": reason, **terms}
        return self._post("/task/force_status", **facts)

    def delete_task(self, task_id: int, *, force: bool | None = None, reason: str | None = None) -> RunReply:
        """Delete a task that does not live; with `force` also one that others wait for."""
        return run_reply(self._post(f"/task/{task_id}/delete", accept=(409,), force=force, reason=reason))

    def delete_tasks(self, task_ids: Iterable[int] | None = None, **terms: Any) -> dict[str, Any]:
        """Delete many tasks, at most ten of a selection unless `max_limit` says otherwise; `force`, `reason`."""
        return self._post("/task/delete", task_ids=_listed(task_ids), **terms)

    def set_properties(
        self,
        properties: Mapping[str, Any] | None = None,
        *,
        items: Mapping[int, Mapping[str, Any]] | None = None,
        **terms: Any,
    ) -> dict[str, Any]:
        """Change how tasks are to be run of which nothing is under way; `items` has others for each task id."""
        listed = _items("task_id", "properties", items)
        return self._post("/task/properties", properties=properties, items=listed, **terms)

    def set_task_attributes(
        self,
        attributes: Mapping[str, Any] | None = None,
        *,
        items: Mapping[int, Mapping[str, Any]] | None = None,
        **terms: Any,
    ) -> dict[str, Any]:
        """Merge attributes into those of tasks, None removes one; with `replace=True` nothing of what was stays.

        With `atomic=True` all are changed or none: Refused names what cannot be.
        """
        listed = _items("task_id", "attributes", items)
        return self._post("/task/attributes", attributes=attributes, items=listed, **terms)

    def set_workflow_attributes(
        self,
        attributes: Mapping[str, Any] | None = None,
        *,
        items: Mapping[int, Mapping[str, Any]] | None = None,
        **terms: Any,
    ) -> dict[str, Any]:
        """Merge attributes into those of workflows; `replace`, `atomic` as for tasks."""
        listed = _items("workflow_id", "attributes", items)
        return self._post("/workflow/attributes", attributes=attributes, items=listed, **terms)

    def set_inputs(self, statuses: Mapping[tuple[int, str], str]) -> dict[str, Any]:
        """Say of inputs, by task id and name, whether they are AVAILABLE or MISSING; `applied, matched, outcomes`."""
        items = [{"task_id": one, "name": name, "status": is_} for (one, name), is_ in statuses.items()]
        return self._post("/task/inputs", items=items)

    def set_accounting(self, accounting: Mapping[int, str]) -> dict[str, Any]:
        """Say of attempts whether their usage was accounted for: DONE, FAILED, PENDING; `applied, matched, outcomes`."""
        items = [{"task_instance_id": one, "accounting": is_} for one, is_ in accounting.items()]
        return self._post("/task_instance/accounting", items=items)


def _listed(ids: Iterable[int] | None) -> list[int] | None:
    return None if ids is None else list(ids)


def _items(key: str, what: str, given: Mapping[int, Mapping[str, Any]] | None) -> list[dict[str, Any]] | None:
    return None if given is None else [{key: one, what: dict(value)} for one, value in given.items()]
