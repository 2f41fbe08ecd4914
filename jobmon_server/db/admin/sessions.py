"""Sessions of the pages, and the codes that begin them: the digest of each, and that of the token it stands for."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Connection

from jobmon_server.db.core import clock
from jobmon_server.db.schema.tables_control import page_session


def add_session(
    connection: Connection, digest: str, token_digest: str | None, seconds: float, *, is_code: bool
) -> None:
    """Insert a session, or a code that becomes one; it ends `seconds` from now."""
    now = clock.read_clock(connection)
    connection.execute(
        insert(page_session).values(
            digest=digest,
            token_digest=token_digest,
            is_code=is_code,
            created_at=now,
            expires_at=clock.seconds_after(now, seconds),
        )
    )


def find_session(connection: Connection, digest: str) -> str | None:
    """Return the digest of the token that a session stands for; None if there is no such session, or it has ended."""
    statement = select(page_session.c.token_digest).where(
        page_session.c.digest == digest,
        page_session.c.is_code.is_(False),
        page_session.c.expires_at > clock.now(),
    )
    return connection.execute(statement).scalar_one_or_none()


def exchange_code(connection: Connection, code: str, session: str, seconds: float) -> bool:
    """Make a code a session that ends `seconds` from now; both by their digests. False if it is none, used or too old."""
    now = clock.read_clock(connection)
    statement = update(page_session).where(
        page_session.c.digest == code, page_session.c.is_code.is_(True), page_session.c.expires_at > now
    )
    values = {"digest": session, "is_code": False, "expires_at": clock.seconds_after(now, seconds)}
    return connection.execute(statement.values(values)).rowcount == 1


def remove_session(connection: Connection, digest: str) -> None:
    """End a session."""
    connection.execute(delete(page_session).where(page_session.c.digest == digest))


def remove_ended(connection: Connection) -> None:
    """Remove what has ended by itself."""
    now = clock.read_clock(connection)
    connection.execute(delete(page_session).where(page_session.c.expires_at < now))
