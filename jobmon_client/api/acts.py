"""What operators do to tasks and workflows, and what they ask before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobmon_client.api.base import Calls
from jobmon_client.api.replies import RunReply, run_reply


class Acts(Calls):
    """A refusal (409) is an answer: its outcome is `invalid`. NotFound where nothing has the id."""

    def act(
        self, kind: str, of_id: int, verb: str, *, reason: str | None = None, cascade: bool | None = None
    ) -> RunReply:
        """`stop`, `pause`, `play`, `retry` or `rerun` a `task` or a `workflow`; `body["task_ids"]` were changed.

        `cascade`, for the rerun of a task, runs again what is below it and has begun.
        """
        return run_reply(
            self._post(f"/{kind}/{of_id}/{verb}", accept=(409,), reason=reason, cascade=cascade or None)
        )

    def stop_children(self, task_id: int, *, reason: str | None = None) -> RunReply:
        """Stop the tasks that wait for this one directly; `body["task_ids"]`, and its workflow's status."""
        return run_reply(self._post(f"/task/{task_id}/stop_children", reason=reason))

    def stop_waiting(self, workflow_id: int, *, reason: str | None = None) -> RunReply:
        """Stop every task for which nothing was queued; what is live goes on."""
        return run_reply(self._post(f"/workflow/{workflow_id}/stop_waiting", reason=reason))

    def recompute(self, workflow_id: int) -> RunReply:
        """Have the server pass on what is DONE and compute the workflow's status now; safe to repeat."""
        return run_reply(self._post(f"/workflow/{workflow_id}/recompute"))

    def preview(self, workflow_id: int, task_statuses: Mapping[int, str | None]) -> dict[str, Any]:
        """Return `status, would_be`: what the workflow's status would be; None stands for a task that is not there."""
        named = {str(task_id): status for task_id, status in task_statuses.items()}
        return self._post(f"/workflow/{workflow_id}/preview", task_statuses=named)
