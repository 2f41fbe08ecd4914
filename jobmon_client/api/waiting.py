"""To submit in one call, to wait, to ask how long that may take, and what became of callbacks."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from jobmon_client.api.base import Calls
from jobmon_client.api.replies import RunReply, run_reply
from jobmon_client.errors import NotFound
from jobmon_client.loop import Backoff

STRETCH_SECONDS = 10.0
"""So long a call waits at most; a longer wait is made of several."""


class WaitCalls(Calls):
    """NotFound where nothing has the id, unless a method says otherwise."""

    def submit(
        self,
        name: str,
        tasks: Sequence[Mapping[str, Any]],
        *,
        arrays: Sequence[Mapping[str, Any]] | None = None,
        client_id: str = "jobmon",
        request_id: str | None = None,
        wait: float | None = None,
        **facts: Any,
    ) -> dict[str, Any]:
        """Bind a workflow and all its tasks, or find those of the same `client_id` and `request_id`, which is made up if
        none is given; `workflow_id, task_ids, status, outcome, differed, differed_tasks`.

        With `wait`, in seconds, wait until it is over: `over`, and if so `workflow`, its read model.
        """
        began = time.monotonic()
        said = self._post(
            "/submit",
            name=name,
            tasks=tasks,
            arrays=arrays,
            client_id=client_id,
            request_id=request_id or str(uuid.uuid4()),
            wait=None if wait is None else min(wait, STRETCH_SECONDS),
            **facts,
        )
        left = 0.0 if wait is None else wait - (time.monotonic() - began)
        if said["over"] or left <= 0:
            return said
        state = self.wait_for_workflow(said["workflow_id"], seconds=left)
        found = {"over": state["over"], "status": state["status"]}
        return said | found | {"workflow": state if state["over"] else None}

    def wait_for_workflow(self, workflow_id: int, *, seconds: float | None = None) -> dict[str, Any]:
        """Return it as soon as it is DONE, FAILED, STOPPED or HALTED, or as it stands after so many seconds; `over` tells.

        Without `seconds` wait for as long as it takes.
        """
        return self._wait(f"/workflow/{workflow_id}/wait", seconds)

    def wait_for_task(self, task_id: int, *, seconds: float | None = None) -> dict[str, Any]:
        """Return it as soon as it is DONE, ERROR_FATAL or STOPPED, or as it stands after so many seconds; `over` tells."""
        return self._wait(f"/task/{task_id}/wait", seconds)

    def _wait(self, path: str, seconds: float | None) -> dict[str, Any]:
        deadline = None if seconds is None else time.monotonic() + seconds
        backoff, idle = Backoff(0.05, 1.0), threading.Event()
        while True:
            began = time.monotonic()
            left = STRETCH_SECONDS if deadline is None else max(0.0, deadline - began)
            asked = min(left, STRETCH_SECONDS)
            said = self._get(path, seconds=f"{asked:.3f}")
            spent = time.monotonic() - began
            if said["over"] or (deadline is not None and spent >= left):
                return said
            if spent < asked:  # no place to wait in, or a server that is about to end
                idle.wait(min(left - spent, max(backoff.next(), said["retry_after"] or 0.0)))

    def position(self, task_id: int) -> tuple[int, int]:
        """Return how many live instances of its cluster and queue are before a task's, and how many there are.

        (0, 0) if it has none, and if there is no such task.
        """
        try:
            said = self._get(f"/task/{task_id}/position")
        except NotFound:
            return 0, 0
        return int(said["ahead"]), int(said["total_active"])

    def callbacks(
        self, workflow_id: int, *, after: str | int | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """Return one page, `callbacks` (`callback_id, workflow_status, status, attempts, last_error` …) and `next`."""
        return self._page(f"/workflow/{workflow_id}/callbacks", after, limit)

    def retry_callback(self, workflow_id: int, callback_id: int) -> RunReply:
        """Have one that was given up (FAILED) tried again; `invalid` if it was delivered."""
        return run_reply(self._post(f"/workflow/{workflow_id}/callbacks/{callback_id}/retry", accept=(409,)))
