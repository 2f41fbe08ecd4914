"""How a browser signs in: a form that no other site can send, and a session in a cookie that no script can read."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import TypeVar

from flask import Response, make_response, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from jobmon_server.actions.admin.sessions import SESSION_SECONDS, begin_session, new_secret
from jobmon_server.errors import ForeignOrigin, UnsupportedMedia
from jobmon_server.routes.http.authentication import PAGES, cookie_name
from jobmon_server.routes.http.endpoint import transact

FORM = "application/x-www-form-urlencoded"
CSRF_FIELD = "csrf_token"

Reply = TypeVar("Reply", bound=AnyResponse)


def sign_in(problem: str | None) -> Response:
    """Ask for a token, in a form whose hidden field says the same as a cookie."""
    secret = request.cookies.get(_csrf_cookie()) or new_secret()
    shown = make_response(render_template("login.html", problem=problem, csrf=secret, csrf_field=CSRF_FIELD))
    return _with_cookie(shown, _csrf_cookie(), secret, None)


def checked_form() -> Mapping[str, str]:
    """Return the form that was sent, by one of our own pages. Raises `UnsupportedMedia`, `ForeignOrigin`."""
    if request.mimetype != FORM:
        raise UnsupportedMedia(f"A form is {FORM}.")
    # An Origin that is there has been compared with Host; browsers send one with every form.
    if "Origin" not in request.headers:
        raise ForeignOrigin("A form must be sent by a page of this server (Origin).")
    known = request.cookies.get(_csrf_cookie(), "")
    given = request.form.get(CSRF_FIELD, "")
    if not known or not hmac.compare_digest(known.encode(), given.encode()):
        raise ForeignOrigin("The form is not one of this server's, or too old: load the page again.")
    return {"token": request.form.get("token", "")}


def begun(reply: Reply, token_digest: str) -> Reply:
    """Begin a session of a token, and give it to the browser."""
    session = new_secret()
    transact(begin_session, session, token_digest)
    return with_session(reply, session)


def with_session(reply: Reply, session: str) -> Reply:
    """Give a session to the browser."""
    return _with_cookie(reply, cookie_name(), session, round(SESSION_SECONDS))


def entrance(workflow_id: str) -> str:
    """Return the page to begin with: a workflow's, or the list of them."""
    is_id = workflow_id.isascii() and workflow_id.isdecimal() and 0 < int(workflow_id[:19]) < 2**63
    if is_id:
        return url_for("pages.workflow", workflow_id=int(workflow_id[:19]))
    return url_for("pages.list_of", which="workflows")


def _with_cookie(reply: Reply, name: str, value: str, max_age: int | None) -> Reply:
    reply.set_cookie(
        name,
        value,
        max_age=max_age,
        httponly=True,
        samesite="Strict",
        secure=request.is_secure,
        path=PAGES,
    )
    return reply


def _csrf_cookie() -> str:
    return cookie_name().replace("session", "form")
