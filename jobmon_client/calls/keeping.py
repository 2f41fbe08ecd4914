"""What is not kept: deleting workflows, one or many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jobmon_client.calls.base import Calls


class Keeping(Calls):
    """Files are not touched: `jobmon_client.removal` removes those, where they lie."""

    def delete_workflow(
        self, workflow_id: int, *, force: bool = False, reason: str | None = None
    ) -> dict[str, Any]:
        """Delete a workflow; `outcome` is `applied`, `invalid` while something of it lives, or `unknown`.

        By force what lives is stopped first. `is_removed` tells whether all rows are gone already.
        """
        path = f"/workflow/{workflow_id}/delete"
        return self._post(path, accept=(404, 409), force=force or None, reason=reason)

    def delete_workflows(
        self,
        workflow_ids: Iterable[int] | None = None,
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - as on the wire
        search: Sequence[Mapping[str, Any]] | None = None,
        every: bool = False,
        max_limit: int | None = None,
        force: bool = False,
        reason: str | None = None,
    ) -> dict[str, Any]:
        """Delete these workflows, those that are found, or every one there is; Refused, and none deleted, where they are more than `max_limit`.

        `matched, deleted, skipped, failed` are counts; `workflow_ids` were deleted, `outcomes` tell of the others.
        """
        facts: dict[str, Any] = {
            "all": every or None,
            "max_limit": max_limit,
            "force": force or None,
            "reason": reason,
        }
        facts |= {"filter": filter, "search": search}
        facts["workflow_ids"] = None if workflow_ids is None else list(workflow_ids)
        return self._post("/workflow/delete", **facts)
