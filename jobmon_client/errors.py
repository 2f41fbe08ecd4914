"""What can go wrong on the client's side.

JobmonError
├── Unreachable      no usable reply within the budget: network trouble, a proxy's error, busy
│   ├── ServerFailed the server answers, and each time with 500: waiting longer will not mend it
│   └── ForeignServer the server's place is taken by another user's process: nothing was sent
├── ReplyError       the server answered, and the answer is no (status, body)
│   ├── Denied       401, 403: no token, or one without the scope
│   ├── NotFound     404: no such id
│   ├── Refused      409: the tables do not allow it (outcome)
│   └── Malformed    422: the request itself is wrong (details)
├── Closed           the client was closed; make another
├── NotJson          what was to be sent is no JSON; nothing was sent
├── BadSetting       a setting has a value that it cannot have, or a name that nobody knows
├── UnknownCluster   no plugin of that name is installed
└── ClusterError     a cluster could not do what it was asked
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class JobmonError(Exception):
    """The root: whoever catches this catches all that the client raises on purpose."""


class Unreachable(JobmonError):
    """No usable reply came within the budget of the call."""


class ServerFailed(Unreachable):
    """The server answered again and again with HTTP status 500; its log says why."""


class ForeignServer(Unreachable):
    """Whoever listens at the server's address is not known to be a process of this user; nothing was sent."""


class ReplyError(JobmonError):
    """The server answered with `status`, and `body` is what it said."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        """Take the message from the body's `error`, where there is one."""
        error = body.get("error")
        message = error.get("message") if isinstance(error, Mapping) else None
        super().__init__(message or f"the server answered with HTTP status {status}")
        self.status = status
        self.body = dict(body)

    @property
    def details(self) -> list[Any]:
        """What exactly was wrong, one entry a field; empty if the server named none."""
        error = self.body.get("error")
        found = error.get("details") if isinstance(error, Mapping) else None
        return found if isinstance(found, list) else []


class Denied(ReplyError):
    """401 or 403: the token is missing, wrong, or lacks the scope."""


class NotFound(ReplyError):
    """404: nothing has this id."""


class Refused(ReplyError):
    """409: the server understood, and its tables do not allow it."""

    @property
    def outcome(self) -> str | None:
        """Return `invalid` or `fenced`; None where the refusal names no outcome."""
        outcome = self.body.get("outcome")
        return outcome if isinstance(outcome, str) else None

    @property
    def found_status(self) -> str | None:
        """Return the status of what was acted on, where the refusal names it."""
        status = self.body.get("status")
        return status if isinstance(status, str) else None


class Malformed(ReplyError):
    """422: `details` names every bad field."""

    def __str__(self) -> str:
        """Add the bad fields to the message, one a line."""
        problems = [f"{detail.get('field')}: {detail.get('problem')}" for detail in self.details]
        return "\n".join([super().__str__(), *problems])


class Closed(JobmonError):
    """The client was closed: it makes no more calls."""

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__("this client was closed: it makes no more calls; make another")


class NotJson(JobmonError):
    """A value cannot be sent; no call was made."""

    def __init__(self, place: str, problem: str) -> None:
        """Name the place by its dotted path."""
        super().__init__(f"{place or 'it'} {problem}")
        self.place = place


class BadSetting(JobmonError):
    """A setting is unknown, or its value is not one that it can have."""


class UnknownCluster(JobmonError):
    """No plugin is installed under this name."""


class ClusterError(JobmonError):
    """A cluster could not do what it was asked."""
