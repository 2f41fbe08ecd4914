"""Tokens are made, and revoked."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from sqlalchemy.engine import Connection

from jobmon_client.states import Outcome, Scope
from jobmon_server.db.admin import tokens
from jobmon_server.errors import Invalid, Unknown

#: What a token begins with, so that people and programs that look for secrets know one.
PREFIX = "jm_"
RANDOM_BYTES = 32


def new_token() -> str:
    """Make a token; nobody can tell it again."""
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def create_token(
    connection: Connection,
    /,
    name: str,
    text: str,
    scopes: Iterable[Scope],
    expires: float | None = None,
    **ownership: str | None,
) -> None:
    """Keep the digest of a token. A name is given once, for the journal knows who acted by it. Raises `Invalid`."""
    if tokens.has_token(connection, name):
        raise Invalid(f"There is, or was, a token {name} already: choose another name.")
    words = sorted({scope.value for scope in scopes})
    values = {"name": name, "digest": tokens.digest_of(text), "scopes": words, **ownership}
    tokens.add_token(connection, values, expires)


def revoke_token(connection: Connection, name: str) -> Outcome:
    """Let a token hold no longer; `duplicate` for one that was revoked. Raises `Unknown`."""
    if tokens.revoke_token(connection, name):
        return Outcome.APPLIED
    if tokens.has_token(connection, name):
        return Outcome.DUPLICATE
    raise Unknown("token", name)
