"""Who asks: a bearer token, looked up by its digest and remembered for a few seconds; of a page, the cookie that holds one."""

from __future__ import annotations

import time

from flask import Flask, g, request

from jobmon_server.db.admin.tokens import digest_of, find_token
from jobmon_server.errors import Forbidden, Unauthorized
from jobmon_server.principal import Principal, allowing
from jobmon_server.routes.http.endpoint import read
from jobmon_server.routes.http.scopes import needed

#: For how long a process takes a token without asking the database: a report costs no statement more, a revoked token
#: holds no longer than this.
KEEP_SECONDS = 10.0
MOST_KEPT = 1_000
#: Where the pages are, and the cookie of a browser that looks at them; nothing that changes anything takes it.
PAGES = "/ui"
COOKIE = "jobmon_token"


class Principals:
    """The holders of tokens that were presented lately; safe to share between threads."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: dict[str, tuple[Principal, float]] = {}

    def of(self, text: str) -> Principal:
        """Return who holds a token. Raises `Unauthorized`; what is refused is not remembered."""
        digest = digest_of(text)
        now = time.monotonic()
        who, until = self._kept.get(digest, (None, 0.0))
        if who is None or until <= now:
            who, seconds = _look_up(digest)
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[digest] = who, now + min(seconds, KEEP_SECONDS)
        return who


def _look_up(digest: str) -> tuple[Principal, float]:
    """Return the holder, and for how many seconds he may be taken for it."""
    known = read(find_token, digest)
    if known is None:
        raise Unauthorized("There is no such token.")
    if known.is_revoked:
        raise Unauthorized(f"The token {known.principal.name} was revoked.")
    if known.seconds_left is not None and known.seconds_left <= 0:
        raise Unauthorized(f"The token {known.principal.name} has expired.")
    return known.principal, KEEP_SECONDS if known.seconds_left is None else known.seconds_left


def _presented() -> str:
    """Return the token of the request. Raises `Unauthorized`."""
    given = request.authorization
    if given is not None and given.type == "bearer" and given.token:
        return given.token
    if request.method == "GET" and request.path.startswith(f"{PAGES}/") and COOKIE in request.cookies:
        return request.cookies[COOKIE]
    raise Unauthorized


def install(app: Flask) -> None:
    """Let nobody through without a token that allows what he asks."""
    principals = Principals()

    def check() -> None:
        scope = needed(request.method, request.url_rule.rule if request.url_rule else "")
        if scope is None:
            return
        g.principal = principals.of(_presented())
        # What is no route at all is told to everybody who has a token.
        if request.url_rule and not g.principal.may(scope):
            raise Forbidden(allowing(scope))

    app.before_request(check)
