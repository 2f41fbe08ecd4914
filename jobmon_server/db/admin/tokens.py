"""Tokens: the digest of each, and what it allows. The token itself is never here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from jobmon_client.states import Scope, Serve
from jobmon_server.db.core import clock
from jobmon_server.db.core.rows import RowDict, fetch_rows
from jobmon_server.db.core.transaction import LostRace
from jobmon_server.db.schema.tables_control import token
from jobmon_server.principal import Principal


@dataclass(frozen=True, slots=True)
class KnownToken:
    """A token that was made; `seconds_left` until it expires, None for never."""

    principal: Principal
    seconds_left: float | None
    is_revoked: bool


def digest_of(text: str) -> str:
    """Return what is kept of a token. It has more chance in it than a digest has bits to guess: no salt, no stretching."""
    return hashlib.sha256(text.encode()).hexdigest()


def find_token(connection: Connection, digest: str) -> KnownToken | None:
    """Return the token of this digest: one point read."""
    statement = select(token, clock.now().label("now")).where(token.c.digest == digest)
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    scopes = frozenset(map(Scope, row.scopes))
    left = None if row.expires_at is None else (row.expires_at - row.now).total_seconds()
    who = Principal(row.name, scopes, row.owner, row.owner_group, row.tenant, Serve(row.serve))
    return KnownToken(who, left, row.revoked_at is not None)


def has_token(connection: Connection, name: str) -> bool:
    """Tell whether there is, or was, a token of this name."""
    return connection.execute(select(token.c.id).where(token.c.name == name)).one_or_none() is not None


def add_token(connection: Connection, values: Mapping[str, Any], expires: float | None) -> None:
    """Insert a token; `expires` in seconds from now."""
    now = clock.read_clock(connection)
    until = None if expires is None else clock.seconds_after(now, expires)
    try:
        connection.execute(insert(token).values(**values, created_at=now, expires_at=until))
    except IntegrityError as taken:
        raise LostRace from taken


def revoke_token(connection: Connection, name: str) -> bool:
    """Let it hold no longer; False if it does not hold."""
    now = clock.read_clock(connection)
    statement = update(token).where(token.c.name == name, token.c.revoked_at.is_(None))
    return connection.execute(statement.values(revoked_at=now)).rowcount == 1


def list_tokens(connection: Connection) -> list[RowDict]:
    """Return every token that was made, by name, without its digest."""
    columns = [column for column in token.c if column.name not in {"id", "digest"}]
    return fetch_rows(connection, select(*columns).order_by(token.c.name))
