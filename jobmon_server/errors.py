"""Everything that can be wrong, as one tree; `routes/http/endpoint.py` turns it into HTTP, `cli` into exit codes.

    JobmonServerError          500  internal        carries message, details, extra
    ├── Malformed              422  malformed       details: [{"field", "problem"}]
    │   ├── TooLarge           413  malformed
    │   ├── TooExpensive       422  too_expensive   details: the field that costs too much
    │   └── UnsupportedMedia   415  malformed
    ├── Misdirected            421  misdirected
    ├── ForeignOrigin          403  forbidden
    ├── Unauthorized           401  unauthorized
    ├── Forbidden              403  forbidden       details: [{"what": "scope", "id"}], those that would do
    ├── ForeignWorkflow        403  forbidden       details: [{"what": "workflow", "id"}]
    ├── Unknown                404  unknown         details: [{"what", "id"}]
    ├── Invalid                409  invalid
    ├── Fenced                 409  fenced
    ├── Busy                   503  busy            retry_after, seconds
    │   └── Unavailable        503  busy            the database is full, read-only or away
    ├── Refused                409  refused         ends a command with exit code 3
    ├── CorruptRow             500  corrupt_row     details: [{"table", "column", "id"}]
    ├── CorruptDatabase        500  corrupt_database
    └── ConfigurationError     500  configuration   ends a command with exit code 2
        ├── WrongSchema        500  wrong_schema    the database is older, newer or somebody else's
        └── AlreadyServed      500  already_served  ends a command with exit code 4

The docstring of a class is its message when none is given. `details` says precisely what is wrong, `extra` is laid
over the reply's own words (`{"status": "RUNNING"}`). Nothing here knows Flask.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar


class JobmonServerError(Exception):
    """The server failed."""

    http_status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Iterable[Mapping[str, object]] = (),
        extra: Mapping[str, object] | None = None,
    ) -> None:
        """Take the message from the docstring unless one is given."""
        self.message: str = message or (type(self).__doc__ or type(self).__name__).splitlines()[0]
        self.details: list[dict[str, object]] = [dict(detail) for detail in details]
        self.extra: dict[str, object] = dict(extra or {})
        super().__init__(self.message)


class Malformed(JobmonServerError):
    """The request is not what this route takes."""

    http_status = 422
    code = "malformed"

    @classmethod
    def field(cls, field: str, problem: str) -> Malformed:
        """Make the refusal of one field, named by its dotted path."""
        return cls(details=[{"field": field, "problem": problem}])


class TooLarge(Malformed):
    """The request body is larger than this server takes."""

    http_status = 413


class TooExpensive(Malformed):
    """What was asked for costs more than one query may."""

    code = "too_expensive"


class UnsupportedMedia(Malformed):
    """The body is not of a type that this route takes."""

    http_status = 415


class Misdirected(JobmonServerError):
    """The request names another server."""

    http_status = 421
    code = "misdirected"


class ForeignOrigin(JobmonServerError):
    """A page of another site made this request (Origin), or a form that is not this server's."""

    http_status = 403
    code = "forbidden"


class Unauthorized(JobmonServerError):
    """This server asks for a token: send `Authorization: Bearer TOKEN`."""

    http_status = 401
    code = "unauthorized"


class Forbidden(JobmonServerError):
    """The token does not allow this."""

    http_status = 403
    code = "forbidden"

    def __init__(self, scopes: Iterable[str]) -> None:
        """Name the scopes that would do."""
        words = [str(scope) for scope in scopes]
        super().__init__(
            f"The token does not allow this; a scope that does: {', '.join(words)}.",
            details=[{"what": "scope", "id": word} for word in words],
        )


class ForeignWorkflow(JobmonServerError):
    """The workflow belongs to another owner, whom this token does not serve."""

    http_status = 403
    code = "forbidden"

    def __init__(self, workflow_id: int | None = None) -> None:
        """Name the workflow, where it is known."""
        if workflow_id is None:
            super().__init__()
            return
        super().__init__(
            f"Workflow {workflow_id} belongs to another owner, whom this token does not serve.",
            details=[{"what": "workflow", "id": workflow_id}],
        )


class Unknown(JobmonServerError):
    """There is no such thing."""

    http_status = 404
    code = "unknown"

    def __init__(self, what: str, id: object, *, extra: Mapping[str, object] | None = None) -> None:
        """Say which kind of thing is missing, in words, and the id it was asked for by."""
        self.what = what
        self.id = id
        super().__init__(f"There is no {what} {id}.", details=[{"what": what, "id": id}], extra=extra)


class Invalid(JobmonServerError):
    """It cannot be done from the state this is in."""

    http_status = 409
    code = "invalid"


class Fenced(JobmonServerError):
    """Somebody else holds this."""

    http_status = 409
    code = "fenced"


class Busy(JobmonServerError):
    """The database is busy; ask again."""

    http_status = 503
    code = "busy"

    def __init__(self, message: str | None = None, *, retry_after: float = 1.0) -> None:
        """Say after how many seconds another try is worth while."""
        self.retry_after = retry_after
        super().__init__(message, details=[{"retry_after": retry_after}])


class Unavailable(Busy):
    """The database does not serve now; ask again."""

    def __init__(self, message: str | None = None, *, retry_after: float = 10.0) -> None:
        """Ask for more time than a lock takes: somebody has to make room."""
        super().__init__(message, retry_after=retry_after)


class Refused(JobmonServerError):
    """It is not done unless it is meant."""

    http_status = 409
    code = "refused"
    exit_code = 3


class CorruptRow(JobmonServerError):
    """A row holds what no row may hold."""

    code = "corrupt_row"

    def __init__(self, table: str, column: str, id: object) -> None:
        """Name the table, the column and the row's key."""
        super().__init__(
            f"Row {id} of {table} holds an impossible {column}.",
            details=[{"table": table, "column": column, "id": id}],
        )


class CorruptDatabase(JobmonServerError):
    """The database's file is damaged: stop the server, keep a copy of the file, and restore a backup."""

    code = "corrupt_database"


class ConfigurationError(JobmonServerError):
    """A setting is wrong."""

    code = "configuration"
    exit_code = 2


class WrongSchema(ConfigurationError):
    """The database does not hold the schema of this version."""

    code = "wrong_schema"


class AlreadyServed(ConfigurationError):
    """Another server serves this database."""

    code = "already_served"
    exit_code = 4
