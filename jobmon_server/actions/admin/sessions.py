"""Sessions of the pages begin and end."""

from __future__ import annotations

import secrets

from sqlalchemy.engine import Connection

from jobmon_server.db.admin import sessions
from jobmon_server.db.admin.tokens import digest_of
from jobmon_server.errors import Unauthorized

CODE_SECONDS = 60.0
#: A session ends with its token, and after this long.
SESSION_SECONDS = 7 * 86_400.0
RANDOM_BYTES = 32


def new_secret() -> str:
    """Make the text of a code or of a session; nobody can guess it, and it is kept as its digest."""
    return secrets.token_urlsafe(RANDOM_BYTES)


def begin_session(connection: Connection, session: str, token_digest: str | None) -> None:
    """Keep a session of the token with this digest."""
    sessions.remove_ended(connection)
    sessions.add_session(connection, digest_of(session), token_digest, SESSION_SECONDS, is_code=False)


def create_code(connection: Connection, code: str, token_digest: str | None) -> None:
    """Keep a code that is good for one session of the token with this digest."""
    sessions.remove_ended(connection)
    sessions.add_session(connection, digest_of(code), token_digest, CODE_SECONDS, is_code=True)


def exchange_code(connection: Connection, code: str, session: str) -> None:
    """Begin a session by a code. Raises `Unauthorized` if the code is none, was used, or is too old."""
    if not sessions.exchange_code(connection, digest_of(code), digest_of(session), SESSION_SECONDS):
        raise Unauthorized("This link was used before, or is older than a minute: run `jobmon ui` again.")


def end_session(connection: Connection, session: str) -> None:
    """End a session; one that is none is no error."""
    sessions.remove_session(connection, digest_of(session))
