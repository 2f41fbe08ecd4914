"""Making a workflow known to a server, and asking which clusters a known one needs."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from jobmon_client.api.client import Api
from jobmon_client.spec.definition import WorkflowDefinition, calls, checked


def bind(api: Api, definition: WorkflowDefinition) -> int:
    """Bind the workflow and its tasks and return its id; a call that has to be repeated binds nothing twice."""
    checked(definition)
    bound = api.bind_workflow(
        client_id="jobmon", request_id=str(uuid.uuid4()), **definition.payload_from_here()
    )
    workflow_id = int(bound["workflow_id"])
    arrays: Sequence[Mapping[str, Any]] | None = [
        {"name": name, "max_concurrently_running": limit} for name, limit in definition.arrays.items()
    ] or None
    for tasks in calls(definition.tasks):
        api.bind_tasks(workflow_id, tasks, arrays=arrays)
        arrays = None
    return workflow_id


def clusters_of(api: Api, workflow_id: int) -> list[str]:
    """Return the clusters that the tasks of a workflow name, each once."""
    found: set[str] = set()
    after: str | None = None
    while True:
        page = api.workflow_tasks(workflow_id, after=after)
        found.update(task.get("cluster") or "local" for task in page["tasks"])
        after = page.get("next")
        if after is None:
            return sorted(found) or ["local"]
