"""What is not kept: deleting workflows, one or many."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jobmon_client.api.base import Calls


class Keeping(Calls):
    """Files are not touched: `jobmon_client.running.log_removal` removes those, where they lie."""

    def delete_workflow(
        self,
        workflow_id: int,
        *,
        force: bool = False,
        delete_output: bool = False,
        reason: str | None = None,
    ) -> dict[str, Any]:
        """Delete a workflow; `outcome` is `applied`, `invalid` while something of it lives, or `unknown`.

        By force what lives is stopped first. `is_removed` tells whether all rows are gone already. Results and ends of
        logs of which the server keeps no archive go with `delete_output` only; without it that is `invalid`.
        """
        facts = {"force": force or None, "delete_output": delete_output or None, "reason": reason}
        return self._post(f"/workflow/{workflow_id}/delete", accept=(404, 409), **facts)

    def delete_workflows(self, workflow_ids: Iterable[int] | None = None, **terms: Any) -> dict[str, Any]:
        """Delete many workflows, said as in `Bulk`, at most ten unless `max_limit` says otherwise.

        `force`, `delete_output`, `reason` as with one.
        `applied` were deleted; `skipped` and `failed` count the others, of which `outcomes` tell.
        """
        ids = None if workflow_ids is None else list(workflow_ids)
        return self._post("/workflow/delete", workflow_ids=ids, **terms)
