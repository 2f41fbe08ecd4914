"""What holds work back, and what was handed to a cluster in one piece."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from jobmon_client.api.base import Calls


class Limits(Calls):
    """NotFound where nothing has the id or the name."""

    def limit_workflow(self, workflow_id: int, max_concurrently_running: int | None) -> dict[str, Any]:
        """Change how many tasks may be live at once; None for no limit, 0 pauses. What is live already goes on."""
        body = {"max_concurrently_running": max_concurrently_running}
        return self._http.call("POST", f"/workflow/{workflow_id}/limits", body)

    def limit_arrays(self, workflow_id: int, limits: Mapping[str, int | None]) -> dict[str, Any]:
        """Change how many tasks of these arrays may be live at once; Malformed names an array that is none."""
        arrays = [{"name": name, "max_concurrently_running": limit} for name, limit in limits.items()]
        return self._post(f"/workflow/{workflow_id}/limits", arrays=arrays)

    def arrays(
        self, workflow_id: int, *, after: str | int | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """Return one page, `arrays` (`array_id, name, max_concurrently_running`) and `next`."""
        return self._page(f"/workflow/{workflow_id}/arrays", after, limit)

    def set_queue(self, cluster: str, queue: str, maximum: Mapping[str, float] | None) -> dict[str, Any]:
        """Say what a queue has at most, by resource; None removes it."""
        body = {"cluster": cluster, "queue": queue, "maximum": None if maximum is None else dict(maximum)}
        return self._http.call("POST", "/queue", body)

    def queues(self, cluster: str | None = None) -> list[dict[str, Any]]:
        """Return the queues that have a maximum: `cluster, queue, maximum`."""
        return list(self._get("/queue", cluster=cluster)["queues"])

    def register_submission(
        self,
        submission_uuid: str,
        *,
        cluster: str,
        distributor: str,
        task_instance_ids: Iterable[int],
        distributor_id: str | None = None,
    ) -> dict[str, Any]:
        """Register what is handed to a cluster in one piece; the same name again is a `duplicate`."""
        return self._post(
            "/submission",
            submission_uuid=submission_uuid,
            cluster=cluster,
            distributor=distributor,
            task_instance_ids=list(task_instance_ids),
            distributor_id=distributor_id,
        )

    def number_submission(self, submission_uuid: str, distributor_id: str) -> dict[str, Any]:
        """Tell the cluster's own number of a submission; Refused where another number is known."""
        return self._post(
            f"/submission/{quote(submission_uuid, safe='')}/log_distributor_id", distributor_id=distributor_id
        )

    def remove_submission(self, submission_uuid: str) -> dict[str, Any]:
        """Take it off its cluster's list; `remaining` are left."""
        return self._post(f"/submission/{quote(submission_uuid, safe='')}/remove")

    def submission(self, submission_uuid: str) -> dict[str, Any]:
        """Return a submission with `task_instance_ids`, in the order of their steps."""
        return self._get(f"/submission/{quote(submission_uuid, safe='')}")

    def submission_by_distributor_id(self, cluster: str, distributor_id: str) -> dict[str, Any]:
        """Return the newest submission that the cluster knows by this number."""
        return self._get("/submission_by_distributor_id", cluster=cluster, distributor_id=distributor_id)

    def submissions(
        self, cluster: str, *, after: str | int | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """Return one page, `submissions`, `by_distributor_id` (names by number) and `next`."""
        return self._page("/submission", after, limit, cluster=cluster)

    def submission_step(self, submission_uuid: str, step: int) -> int:
        """Return the id of the instance at a step of a submission."""
        return int(
            self._get(f"/submission/{quote(submission_uuid, safe='')}/step/{step}")["task_instance_id"]
        )
