"""Lists, counts, summaries and streams of workflows, tasks and instances: one query language for all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from flask import Response

from jobmon_server.db.core.transaction import Database
from jobmon_server.db.search import Entity, Query, ResultPage, count, list_rows, summarize
from jobmon_server.db.search.keyset import keys_of, read_cursor
from jobmon_server.routes.fields.base import made
from jobmon_server.routes.http.endpoint import blueprint, database, encode, get, post, read, reply
from jobmon_server.routes.schemas.list_query import (
    ListQuery,
    conditions_in,
    filters,
    grouping,
    page_reply,
    paging,
    query_of,
    selection,
    shape,
)
from jobmon_server.routes.schemas.list_rows import ROWS, Counted, groups, page
from jobmon_server.routes.schemas.paging import linked
from jobmon_server.routes.schemas.selection import Selecting

search = blueprint("search", "The query language: lists, counts, summaries, streams.")
NDJSON = "application/x-ndjson"
REFUSALS = (422, 503)


def lines(door: Database, entity: Entity, query: Query, first: ResultPage) -> Iterator[str]:
    """Yield a line for each row, page after page, each read by itself, until the end or until nobody listens."""
    keys = keys_of(entity, query.sort, query.fields if query.distinct else None)
    found = first
    while found.rows:
        yield "".join(f"{encode(row)}\n" for row in found.rows)
        if found.next is None:
            return
        found = door.read(list_rows, entity, replace(query, after=read_cursor(keys, found.next)))


def _lists(entity: Entity) -> None:
    """Route what gives rows."""

    def rows(**facts: Any) -> Response:
        query = query_of(entity, facts)
        found = read(list_rows, entity, query)
        return linked(reply(page_reply(entity, found, query)), found.next)

    def stream(**facts: Any) -> Response:
        query = replace(query_of(entity, facts), with_total=False)
        first = read(list_rows, entity, query)
        return Response(lines(database(), entity, query, first), content_type=NDJSON)

    rows.__doc__ = (
        f"{entity.capitalize().replace('_', ' ')}s that meet all conditions, newest first unless sorted."
    )
    stream.__doc__ = "All of them, one JSON object a line."
    rows.__name__, stream.__name__ = f"list_{entity}s", f"stream_{entity}s"
    title = entity.title().replace("_", "")
    by_text = made(f"{title}Query", ListQuery, **filters(entity), **paging(entity, is_text=True))
    by_document = made(f"{title}Search", Selecting, **selection(entity), **paging(entity, is_text=False))
    lines_by_text = made(f"{title}Stream", ListQuery, **filters(entity), **shape(entity, is_text=True))
    get(search, f"/{entity}", query=by_text, reply=page(entity), refusals=REFUSALS)(rows)
    post(search, f"/{entity}/search", body=by_document, reply=page(entity), refusals=REFUSALS)(rows)
    lines_by_document = made(
        f"{title}StreamSearch", Selecting, **selection(entity), **shape(entity, is_text=False)
    )
    rule = f"/{entity}/stream"
    post(search, rule, body=lines_by_document, reply=ROWS[entity], refusals=REFUSALS, media=NDJSON)(stream)
    get(search, rule, query=lines_by_text, reply=ROWS[entity], refusals=REFUSALS, media=NDJSON)(stream)


def _counts(entity: Entity) -> None:
    """Route what counts."""

    def counted(**facts: Any) -> Response:
        return reply({"count": read(count, entity, conditions_in(facts))})

    def summary(*, by: tuple[str, ...], **facts: Any) -> Response:
        found = read(summarize, entity, conditions_in(facts), by)
        return reply({"groups": found, "total": sum(one["count"] for one in found)})

    counted.__doc__ = "How many meet all conditions."
    summary.__doc__ = "How many there are of each combination of these fields; empty ones are left out."
    counted.__name__, summary.__name__ = f"count_{entity}s", f"summarize_{entity}s"
    title = entity.title().replace("_", "")
    for view, verb, reply_with in ((counted, "count", Counted), (summary, "summary", groups(entity))):
        by = [{"by": grouping(entity, is_text=one)} if view is summary else {} for one in (True, False)]
        by_text = made(f"{title}{verb.title()}Query", ListQuery, **filters(entity), **by[0])
        by_document = made(f"{title}{verb.title()}Search", Selecting, **selection(entity), **by[1])
        get(search, f"/{entity}/{verb}", query=by_text, reply=reply_with, refusals=REFUSALS)(view)
        post(search, f"/{entity}/{verb}", body=by_document, reply=reply_with, refusals=REFUSALS)(view)


for _entity in Entity:
    _lists(_entity)
    _counts(_entity)
