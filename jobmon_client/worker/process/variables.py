"""What a command's environment says of it: these variables and no other `JOBMON_*` (docs/reference/environment.md)."""

from __future__ import annotations

import os

from jobmon_client.worker.process.items import LogFiles, WorkItem, in_utf_8

RESULT_FILE = "JOBMON_RESULT_FILE"
PROGRESS_FILE = "JOBMON_PROGRESS_FILE"


def variables(item: WorkItem, files: LogFiles, server_url: str | None) -> dict[bytes, bytes]:
    """Return the variables of one attempt.

    Args:
        item: what is run; what is not known of it has no variable.
        files: where its output, its result and its progress go.
        server_url: the server that its agent reports to.

    Returns:
        Values by name, as an environment can hold them: UTF-8, whatever the locale is; paths as they are.
    """
    named = {
        "JOBMON_TASK_ID": item.task_id,
        "JOBMON_TASK_NAME": item.name,
        "JOBMON_TASK_INSTANCE_ID": item.task_instance_id,
        "JOBMON_WORKFLOW_ID": item.workflow_id,
        "JOBMON_WORKFLOW_RUN_ID": item.workflow_run_id,
        "JOBMON_ATTEMPT": item.attempt,
        "JOBMON_DISTRIBUTOR_ID": item.distributor_id,
        "JOBMON_SERVER_URL": server_url,
    }
    paths = {RESULT_FILE: files.result, PROGRESS_FILE: files.progress}
    return {name.encode(): in_utf_8(value) for name, value in named.items() if value is not None} | {
        name.encode(): os.fsencode(path) for name, path in paths.items()
    }
