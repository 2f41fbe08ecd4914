"""The client of the HTTP API: one method per route."""

from jobmon_client.deprecation import moved

__getattr__ = moved(__name__, "jobmon_client.api.client", "Api")
