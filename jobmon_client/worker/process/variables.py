"""What a command's environment says of it: these variables and no other `JOBMON_*` (docs/reference/environment.md)."""

from __future__ import annotations

from jobmon_client.worker.process.items import LogFiles, WorkItem

RESULT_FILE = "JOBMON_RESULT_FILE"
PROGRESS_FILE = "JOBMON_PROGRESS_FILE"


def variables(item: WorkItem, files: LogFiles, server_url: str | None) -> dict[str, str]:
    """Return the variables of one attempt.

    Args:
        item: what is run; what is not known of it has no variable.
        files: where its output, its result and its progress go.
        server_url: the server that its agent reports to.

    Returns:
        Values by name, as an environment can hold them.
    """
    named = {
        "JOBMON_TASK_ID": item.task_id,
        "JOBMON_TASK_NAME": item.name,
        "JOBMON_TASK_INSTANCE_ID": item.task_instance_id,
        "JOBMON_WORKFLOW_ID": item.workflow_id,
        "JOBMON_WORKFLOW_RUN_ID": item.workflow_run_id,
        "JOBMON_ATTEMPT": item.attempt,
        "JOBMON_DISTRIBUTOR_ID": item.distributor_id,
        RESULT_FILE: files.result,
        PROGRESS_FILE: files.progress,
        "JOBMON_SERVER_URL": server_url,
    }
    return {name: printable(value) for name, value in named.items() if value is not None}


def printable(value: object) -> str:
    """Return the text as an environment can hold it: no NUL, no lone surrogates."""
    return str(value).replace("\0", "?").encode("utf-8", errors="replace").decode()
