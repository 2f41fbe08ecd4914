"""Old place of `jobmon_client.running.workflow`."""

from jobmon_client.deprecation import moved

__getattr__ = moved(
    __name__, "jobmon_client.running.workflow", "Task", "TaskTemplate", "Workflow", "resume", "wait"
)
