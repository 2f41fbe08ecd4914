"""Old place of `jobmon_client.Workflow` and what belongs to it."""

from jobmon_client.deprecation import moved

__getattr__ = moved(__name__, "jobmon_client", "Task", "Workflow", "resume", "wait", TaskTemplate="Template")
