"""The client: workflows and their tasks, submitted, run and waited for.

    from jobmon_client import Workflow

Names are imported when they are first used, so that a worker, which needs few of them, stays small.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobmon_client.errors import JobmonError as JobmonError
    from jobmon_client.running.background import Running as Running
    from jobmon_client.running.background import StillRunning as StillRunning
    from jobmon_client.running.result import Result as Result
    from jobmon_client.running.result import TaskError as TaskError
    from jobmon_client.running.result import WorkflowFailed as WorkflowFailed
    from jobmon_client.running.submission import Submitted as Submitted
    from jobmon_client.running.submission import submit as submit
    from jobmon_client.running.task import Task as Task
    from jobmon_client.running.task import TaskLogs as TaskLogs
    from jobmon_client.running.template import Template as Template
    from jobmon_client.running.workflow import Workflow as Workflow
    from jobmon_client.running.workflow import resume as resume
    from jobmon_client.running.workflow import wait as wait
    from jobmon_client.spec.definition import InvalidDefinition as InvalidDefinition

_MODULES = {
    "InvalidDefinition": "spec.definition",
    "JobmonError": "errors",
    "Result": "running.result",
    "Running": "running.background",
    "StillRunning": "running.background",
    "Submitted": "running.submission",
    "Task": "running.task",
    "TaskError": "running.result",
    "TaskLogs": "running.task",
    "Template": "running.template",
    "Workflow": "running.workflow",
    "WorkflowFailed": "running.result",
    "resume": "running.workflow",
    "submit": "running.submission",
    "wait": "running.workflow",
}
__all__ = sorted(_MODULES)  # noqa: PLE0605 - a test compares it with what type checkers see


if not TYPE_CHECKING:  # a name that is not public is an error to type checkers too

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
