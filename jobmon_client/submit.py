"""Old place of `jobmon_client.running.submission`."""

from jobmon_client.deprecation import moved

__getattr__ = moved(__name__, "jobmon_client.running.submission", "Submitted", "submit")
