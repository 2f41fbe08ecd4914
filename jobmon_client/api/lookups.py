"""The routes that only read; NotFound where nothing has the id."""

from __future__ import annotations

from typing import Any

from jobmon_client.api.base import Calls


class Reads(Calls):
    """Queries; each returns what the server said as plain objects."""

    def page_code(self) -> dict[str, Any]:
        """Make a code for one session of the pages, good for a minute; `code`, `path`, `expires_seconds`."""
        return self._post("/page_code")

    def workflow(self, workflow_id: int) -> dict[str, Any]:
        """Return `workflow_id, name, status, tasks: {STATUS: n}`."""
        return self._get(f"/workflow/{workflow_id}")

    def workflows(self, *, limit: int | None = None, after: str | None = None) -> dict[str, Any]:
        """Return one page, newest first: `workflows`, and `next`, the `after` of the next page, or null."""
        return self._page("/workflow", after, limit)

    def workflow_tasks(
        self,
        workflow_id: int,
        *,
        status: str | None = None,
        after: str | int | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """Return one page, `tasks`, and `next`, the `after` of the next page, or null; so do the other lists."""
        return self._page(f"/workflow/{workflow_id}/tasks", after, limit, status=status)

    def leaves(
        self,
        workflow_id: int,
        *,
        status: str | None = None,
        after: str | int | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """Return one page, `tasks` (those that no other task waits for) and `next`."""
        return self._page(f"/workflow/{workflow_id}/leaves", after, limit, status=status)

    def workflow_errors(
        self, workflow_id: int, *, after: str | int | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """Return one page, `errors` and `next`."""
        return self._page(f"/workflow/{workflow_id}/errors", after, limit)

    def task(self, task_id: int) -> dict[str, Any]:
        """Return `task_id, workflow_id, name, command, status, num_attempts, max_attempts, task_instance_ids`."""
        return self._get(f"/task/{task_id}")

    def task_instance(self, task_instance_id: int) -> dict[str, Any]:
        """Return every field that a report can set, the ids, the statuses and the times."""
        return self._get(f"/task_instance/{task_instance_id}")

    def task_instances(
        self, *, cluster: str, status: str, after: int | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """Return `task_instances`, a page of those that only the cluster's distributor can end; `status`: words, by commas."""
        return self._get("/task_instance/tended", cluster=cluster, status=status, after=after, limit=limit)

    def error_log(self, task_instance_id: int) -> list[dict[str, Any]]:
        """Return entries `error_time, description, source`."""
        return list(
            self._get(f"/task_instance/{task_instance_id}/task_instance_error_log")["task_instance_error_log"]
        )

    def journal(self, task_instance_id: int) -> list[dict[str, Any]]:
        """Return what was decided about the instance, oldest first."""
        return list(self._get(f"/task_instance/{task_instance_id}/journal")["journal"])

    def explain_task(self, task_id: int) -> dict[str, Any]:
        """Return what a task waits for: `waits_for` in words, `upstreams` that are not DONE, `ready_at` of its delay."""
        return self._get(f"/task/{task_id}/explain")

    def explain(self, task_instance_id: int) -> dict[str, Any]:
        """Return why the instance is where it is, what may come, what comes by itself and when."""
        return self._get(f"/task_instance/{task_instance_id}/explain")

    def array_task_instance_id(self, array_id: int, batch_num: int, array_step_id: int) -> int:
        """Return the id of the instance at this step of the batch."""
        body = self._get(f"/get_array_task_instance_id/{array_id}/{batch_num}/{array_step_id}")
        return int(body["task_instance_id"])

    def fsm(self) -> dict[str, Any]:
        """Return the tables that the server decides by."""
        return self._get("/fsm")

    def config(self) -> dict[str, Any]:
        """Return the server's limits and what else callers may rely on."""
        return self._get("/config")

    def health(self) -> dict[str, Any]:
        """Return the liveness reply."""
        return self._get("/health")
