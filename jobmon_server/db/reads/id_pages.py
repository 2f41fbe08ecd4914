"""Pages in the order of an id: where one begins, where the next does, and how many rows there are in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.engine import Connection

from jobmon_server.db.core.rows import RowDict, fetch_rows


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Up to `limit` rows behind the one with the id `after`, `offset` of them skipped; no rows with a limit of 0."""

    limit: int
    after: int = 0
    offset: int = 0
    with_total: bool = False


@dataclass(frozen=True, slots=True)
class RowPage:
    """A page: its rows, the id of the last one if more follow, and how many there are without paging."""

    rows: list[RowDict]
    next: int | None
    total: int | None


def fetch_page(
    connection: Connection, statement: Select[Any], label: str, page: PageRequest, *order: ColumnElement[Any]
) -> RowPage:
    """Cut a page out of what a statement finds.

    Args:
        label: the name under which a row has its id.
        order: a column before the id that rows are ordered by, if any, then the id itself.
    """
    rows: list[RowDict] = []
    if page.limit:
        cut = statement.where(_behind(order, page.after)) if page.after else statement
        # One row more than are shown tells whether there is another page.
        cut = cut.order_by(*order).limit(page.limit + 1).offset(page.offset or None)
        rows = fetch_rows(connection, cut)
    found = rows[: page.limit]
    more = len(rows) > len(found)
    total = None
    if page.with_total:
        is_told = page.limit and not more and not page.after and (found or not page.offset)
        total = page.offset + len(found) if is_told else _count(connection, statement)
    return RowPage(found, found[-1][label] if more else None, total)


def _behind(order: Sequence[ColumnElement[Any]], after: int) -> ColumnElement[bool]:
    """Return the condition that a row comes after the one with this id."""
    *first, row_id = order
    if not first:
        return row_id > after
    (key,) = first
    place = select(key).where(row_id == after).correlate(None).scalar_subquery()
    return or_(key > place, and_(key == place, row_id > after))


def _count(connection: Connection, statement: Select[Any]) -> int:
    counted = statement.with_only_columns(func.count(), maintain_column_froms=True)
    return int(connection.execute(counted).scalar_one())
