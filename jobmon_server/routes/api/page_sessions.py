"""The way from a token to the pages, without the token in a URL."""

from __future__ import annotations

from flask import Response, g, url_for
from marshmallow import fields

from jobmon_server.actions.admin.sessions import CODE_SECONDS, create_code, new_secret
from jobmon_server.routes.fields.base import Schema, Text
from jobmon_server.routes.http.endpoint import blueprint, post, reply, transact

page_sessions = blueprint("page_sessions", "Sessions of the pages.")


class PageCode(Schema):
    """A code for one session of the pages."""

    code = Text(required=True)
    path = Text(required=True)
    expires_seconds = fields.Float(required=True)


@post(page_sessions, "/page_code", reply=PageCode, refusals=(422, 503))
def make_page_code() -> Response:
    """Make a code that is good once, for a minute: open `path` in a browser to look at the pages with this token's scopes."""
    code = new_secret()
    transact(create_code, code, g.get("token_digest"))
    path = url_for("pages.enter", code=code)
    return reply({"code": code, "path": path, "expires_seconds": CODE_SECONDS})
