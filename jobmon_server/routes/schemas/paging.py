"""How every list is paged: `limit`, and one of `cursor`, `page` and `offset`; `next`, `total`, `limit` and `Link` in the reply."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Response, request
from marshmallow import ValidationError

from jobmon_server.db.reads.id_pages import PageRequest, RowPage
from jobmon_server.db.search.query import LARGEST_PAGE
from jobmon_server.errors import Malformed
from jobmon_server.routes.fields.base import LARGEST_ID, Count, Plain, Schema, Text
from jobmon_server.routes.fields.query_params import Digits
from jobmon_server.routes.http.endpoint import reply

FARTHEST = 10**12
#: Since when `after` is deprecated, as RFC 9745 has it: 2026-12-01.
AFTER_DEPRECATED = "@1796083200"
#: What says where a page begins; `after` is what 0.1 called a cursor.
PLACES = frozenset({"page", "offset", "cursor", "after"})
NO_CURSOR = "is no cursor: take `next` of the page before"


class TextFlag(Plain[bool]):
    """`true` or `false` in a query string."""

    def check(self, value: Any) -> bool:
        """Take the word."""
        if type(value) is not str or value not in {"true", "false"}:
            raise ValidationError("must be true or false")
        return bool(value == "true")


class IdCursor(Plain[int]):
    """The cursor of a list that is in the order of an id; opaque to callers."""

    def __init__(self, **options: Any) -> None:
        """Document it."""
        super().__init__(metadata={"type": "string", "description": "`next` of the page before"}, **options)

    def check(self, value: Any) -> int:
        """Read the id."""
        text = str(value)
        if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= LARGEST_ID):
            raise ValidationError(NO_CURSOR)
        return int(text)


class PageQuery(Schema):
    """A page of a list in the order of its ids. `after`: what `cursor` was called in 0.1, taken as it is."""

    limit = Digits(0, LARGEST_ID, load_default=100)
    page = Digits(1, FARTHEST)
    offset = Digits(0, FARTHEST)
    cursor = IdCursor()
    total = TextFlag(load_default=True)
    after = Digits()


class PageReply(Schema):
    """A page: `next` is the cursor of the one after it, `total` counts all, `limit` is what was clamped to."""

    next = Text(required=True, allow_none=True)
    total = Count(maximum=LARGEST_ID, required=True, allow_none=True)
    limit = Count(required=True)


def requested_page(facts: dict[str, Any]) -> PageRequest:
    """Take out of what was asked which page is meant. Raises `Malformed` where it says so in two ways."""
    places = {name: facts.pop(name) for name in PLACES if name in facts}
    if len(places) > 1:
        raise Malformed.field("page", "give one of page, offset and cursor")
    limit = min(facts.pop("limit"), LARGEST_PAGE)
    offset = places.get("offset", (places.get("page", 1) - 1) * limit)
    return PageRequest(limit, places.get("cursor", places.get("after", 0)), offset, facts.pop("total"))


def paged(name: str, found: RowPage, asked: PageRequest, **beside: Any) -> Response:
    """Reply with a page, its rows under a name."""
    cursor = None if found.next is None else str(found.next)
    body = {name: found.rows, **beside, "next": cursor, "total": found.total, "limit": asked.limit}
    response = linked(reply(body), cursor)
    if "after" in request.args:
        response.headers["Deprecation"] = AFTER_DEPRECATED
    return response


def linked(response: Response, cursor: str | None) -> Response:
    """Name the next page of a GET in its `Link` header."""
    if cursor is not None and request.method == "GET":
        kept = [(name, value) for name, value in request.args.items(multi=True) if name not in PLACES]
        query = urlencode([*kept, ("cursor", cursor)])
        response.headers["Link"] = f'<{request.path}?{query}>; rel="next"'
    return response
