"""Old place of `jobmon_client.running.connection`."""

from jobmon_client.deprecation import moved

__getattr__ = moved(__name__, "jobmon_client.running.connection", "Connection", "connected")
