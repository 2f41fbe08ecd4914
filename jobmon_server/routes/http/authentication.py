"""Who asks: a bearer token, looked up by its digest and remembered for a few seconds; of a page, the session of one."""

from __future__ import annotations

import time

from flask import Flask, current_app, g, request

from jobmon_client.states import Scope
from jobmon_server.config import Settings
from jobmon_server.db.admin.sessions import find_session
from jobmon_server.db.admin.tokens import digest_of, find_token
from jobmon_server.errors import Forbidden, Unauthorized
from jobmon_server.local_token import LocalToken
from jobmon_server.principal import Principal, allowing
from jobmon_server.routes.http.endpoint import read
from jobmon_server.routes.http.scopes import needed
from jobmon_server.settings.auth import LOCAL

#: For how long a process takes a token without asking the database: a report costs no statement more, a revoked token
#: holds no longer than this.
KEEP_SECONDS = 10.0
MOST_KEPT = 1_000
#: Where the pages are. Nothing that changes anything takes the cookie of a browser that looks at them.
PAGES = "/ui"
#: The user of a server that asks for the local token: the owner of what nobody else owns.
LOCAL_USER = Principal(scopes=frozenset({Scope.OPERATOR}))


class Principals:
    """The holders of tokens that were presented lately; safe to share between threads."""

    def __init__(self, local: LocalToken | None = None) -> None:
        """Begin with none; `local` is the token of this server's own user, where it holds."""
        self._local = local
        self._kept: dict[str, tuple[Principal, float]] = {}

    def of(self, digest: str) -> Principal:
        """Return who holds the token of this digest. Raises `Unauthorized`; what is refused is not remembered."""
        if self._local is not None and self._local.has(digest):
            return LOCAL_USER
        now = time.monotonic()
        who, until = self._kept.get(digest, (None, 0.0))
        if who is None or until <= now:
            who, seconds = _look_up(digest)
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[digest] = who, now + min(seconds, KEEP_SECONDS)
        return who


def _look_up(digest: str) -> tuple[Principal, float]:
    """Return the holder, and for how many seconds it may be taken for it."""
    known = read(find_token, digest)
    if known is None:
        raise Unauthorized("There is no such token.")
    if known.is_revoked:
        raise Unauthorized(f"The token {known.principal.name} was revoked.")
    if known.seconds_left is not None and known.seconds_left <= 0:
        raise Unauthorized(f"The token {known.principal.name} has expired.")
    return known.principal, KEEP_SECONDS if known.seconds_left is None else known.seconds_left


def principals_of_app() -> Principals:
    """Return the holders of this application's tokens; of a server that asks nobody, none are known."""
    known: Principals = current_app.extensions.get("jobmon_principals") or Principals()
    return known


def cookie_name() -> str:
    """Return the name of the session's cookie: browsers send those of all ports of a host to each of them."""
    _, _, port = request.headers.get("Host", "").rpartition(":")
    return f"jobmon_session_{port if port.isdecimal() else ''}".removesuffix("_")


def presented() -> str:
    """Return the digest of the token that the request, or its session, stands for. Raises `Unauthorized`."""
    given = request.authorization
    if given is not None and given.type == "bearer" and given.token:
        return digest_of(given.token)
    session = request.cookies.get(cookie_name())
    if session and request.method == "GET" and request.path.startswith(f"{PAGES}/"):
        digest = read(find_session, digest_of(session))
        if digest is None:
            raise Unauthorized("This session has ended.")
        return digest
    raise Unauthorized


def install(app: Flask, settings: Settings) -> None:
    """Let nobody through without a token that allows what is asked."""
    principals = Principals(LocalToken.of(settings) if settings.auth == LOCAL else None)
    app.extensions["jobmon_principals"] = principals

    def check() -> None:
        scope = needed(request.method, request.url_rule.rule if request.url_rule else "")
        if scope is None:
            return
        g.token_digest = presented()
        g.principal = principals.of(g.token_digest)
        # What is no route at all is told to everybody who has a token.
        if request.url_rule and not g.principal.may(scope):
            raise Forbidden(allowing(scope))

    app.before_request(check)
