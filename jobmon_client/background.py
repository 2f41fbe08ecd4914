"""Old place of `jobmon_client.Running`."""

from jobmon_client.deprecation import moved

__getattr__ = moved(__name__, "jobmon_client", "Running", "StillRunning")
