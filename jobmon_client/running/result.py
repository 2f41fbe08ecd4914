"""How a run ended, and what failed in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobmon_client.api.client import Api
from jobmon_client.errors import JobmonError
from jobmon_client.states import TaskStatus, WorkflowStatus

MOST_ERRORS = 1_000
"""Tasks whose errors a result has, at most."""
PAGE = 1_000
PAGES = 20
"""Pages of a workflow's errors that are read, at most."""


@dataclass(frozen=True, slots=True)
class TaskError:
    """Why a task failed: the error of its last attempt.

    Args:
        task: the task's name.
        attempt: the number of the attempt, from 1.
        task_instance_id: the attempt's id; None if there was none.
        error: what was reported, in words; "" if nothing was, as where an operator said that it failed.
        stderr: the end of the attempt's stderr as the server keeps it; "" if it wrote none.
    """

    task: str
    attempt: int
    task_instance_id: int | None
    error: str
    stderr: str

    def __str__(self) -> str:
        """Read as one line: the task, and the last line it wrote to stderr or else the error."""
        lines = (self.stderr.strip() or self.error.strip()).splitlines()
        return f"{self.task} (attempt {self.attempt}): {lines[-1] if lines else 'no error was told'}"


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended.

    Args:
        workflow_id: the workflow's id on its server.
        status: the workflow's status; UNREACHABLE if the server was lost after an interrupt.
        tasks: how many tasks there are, by status.
        seconds: how long the run took.
        interrupted: whether a signal or `Running.stop()` ended it.
        errors: the last error of each task that failed, of up to 1,000 tasks.
    """

    workflow_id: int
    status: str
    tasks: dict[str, int]
    seconds: float
    interrupted: bool = False
    errors: tuple[TaskError, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every task is DONE."""
        return self.status == WorkflowStatus.DONE

    @property
    def is_done(self) -> bool:
        """Return the same as `ok`."""
        return self.ok

    def raise_for_failure(self) -> None:
        """Return if every task is DONE.

        Raises:
            WorkflowFailed: the workflow ended otherwise.
        """
        if not self.ok:
            raise WorkflowFailed(self)


class WorkflowFailed(JobmonError):
    """A workflow did not end DONE; `result` says how it ended."""

    def __init__(self, result: Result) -> None:
        """Take the result of its run."""
        self.result = result
        counted = ", ".join(f"{count} {status}" for status, count in sorted(result.tasks.items()) if count)
        first = f"; {result.errors[0]}" if result.errors else ""
        super().__init__(f"workflow {result.workflow_id} is {result.status}: {counted or 'no tasks'}{first}")


def read_errors(api: Api, workflow_id: int) -> tuple[TaskError, ...]:
    """Return the last error of each task that failed for good, in the order of the tasks' ids.

    Args:
        api: the client of the workflow's server.
        workflow_id: the workflow's id.

    Raises:
        JobmonError: the server does not answer, or has no such workflow.
    """
    failed = api.workflow_tasks(workflow_id, status=TaskStatus.ERROR_FATAL, limit=MOST_ERRORS)["tasks"]
    last: dict[int, Mapping[str, Any]] = {}
    for error in _errors(api, workflow_id):
        known = last.get(error["task_id"])
        if known is None or error["attempt"] >= known["attempt"]:
            last[error["task_id"]] = error
    return tuple(_task_error(task, last.get(task["task_id"], {})) for task in failed)


def _errors(api: Api, workflow_id: int) -> Iterator[Mapping[str, Any]]:
    after: int | None = None
    for _ in range(PAGES):
        page = api.workflow_errors(workflow_id, after=after, limit=PAGE)
        yield from page["errors"]
        after = page["next"]
        if after is None:
            return


def _task_error(task: Mapping[str, Any], error: Mapping[str, Any]) -> TaskError:
    return TaskError(
        task["name"],
        error.get("attempt", task["num_attempts"]),
        error.get("task_instance_id", task["task_instance_id"]),
        error.get("description") or "",
        error.get("stderr_log") or "",
    )
