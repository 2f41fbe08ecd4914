"""Orders and where a page begins in them: total orders, the same on both databases, nulls before everything else."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_

from jobmon_server.db.search.fields import FIELDS, Field, id_field
from jobmon_server.db.search.query import Entity, InvalidQuery, Sort

_LARGEST = 2**63
_TYPES: dict[str, type[Any]] = {"time": str, "text": str, "number": int, "status": int, "flag": int}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an order."""

    field: Field
    descending: bool

    @property
    def label(self) -> str:
        """The name under which a row brings its value."""
        return f"key_{self.field.name}"

    @property
    def ordering(self) -> ColumnElement[Any]:
        """The key for ORDER BY."""
        column = self.field.sorted_by
        return column.desc() if self.descending else column.asc()

    def same(self, value: Any) -> ColumnElement[bool]:
        """What has this value of the key."""
        column = self.field.sorted_by
        is_same: ColumnElement[bool] = column == value
        return column.is_(None) if value is None else is_same

    def later(self, value: Any) -> ColumnElement[bool]:
        """What comes after this value: both databases put null first, last when it descends."""
        column = self.field.sorted_by
        if value is None:
            return false() if self.descending else column.is_not(None)
        beyond: ColumnElement[bool] = column < value if self.descending else column > value
        is_null_beyond = self.descending and self.field.nullable
        return or_(beyond, column.is_(None)) if is_null_beyond else beyond


def keys_of(entity: Entity, sort: Sequence[Sort], distinct_fields: Sequence[str] | None = None) -> list[Key]:
    """Return the keys of a total order: those asked for, then the id; for distinct rows, every field that they have.

    Newest first where nothing is asked; else what is equal comes by id, in the direction of the last key.
    """
    fields = FIELDS[entity]
    keys = [Key(fields[one.field], one.descending) for one in sort]
    named = {key.field.name for key in keys}
    if distinct_fields is not None:
        return [
            *keys,
            *(Key(fields[name], descending=False) for name in distinct_fields if name not in named),
        ]
    own_id = id_field(entity)
    if own_id in named:
        return keys[: [key.field.name for key in keys].index(own_id) + 1]
    return [*keys, Key(fields[own_id], keys[-1].descending if keys else True)]


def after(keys: Sequence[Key], values: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition that a row comes after the one with these values."""
    pairs = list(zip(keys, values, strict=True))
    return or_(
        *(
            and_(*(key.same(value) for key, value in pairs[:place]), pairs[place][0].later(pairs[place][1]))
            for place in range(len(pairs))
        )
    )


def write_cursor(keys: Sequence[Key], row: dict[str, Any]) -> str:
    """Return, opaque to the caller, after which row the next page begins, in which order."""
    values = [row[key.label] for key in keys]
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    text = json.dumps([_spell(keys), plain], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(keys: Sequence[Key], cursor: str) -> tuple[Any, ...]:
    """Return the values of a cursor's row; raises `Wrong` for what is no cursor, or one of another order."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        order, values = json.loads(base64.b64decode(padded.encode(), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, TypeError, RecursionError):
        raise InvalidQuery("is no cursor: take `next` of the page before") from None
    if order != _spell(keys):
        raise InvalidQuery(
            "is a cursor of another order: keep `sort`, `fields` and `distinct` from page to page"
        )
    if type(values) is not list or len(values) != len(keys):
        raise InvalidQuery("is no cursor: take `next` of the page before")
    return tuple(_read_value(key, value) for key, value in zip(keys, values, strict=True))


def _read_value(key: Key, value: Any) -> Any:
    wanted = _TYPES[key.field.kind.name]
    is_fit = type(value) is wanted and not (wanted is int and abs(value) >= _LARGEST)
    if value is None or (is_fit and key.field.kind.name != "time"):
        return value
    try:
        return datetime.fromisoformat(value).replace(tzinfo=None)
    except (ValueError, TypeError):
        raise InvalidQuery("is no cursor: take `next` of the page before") from None


def _spell(keys: Sequence[Key]) -> list[str]:
    return [f"{'-' if key.descending else ''}{key.field.name}" for key in keys]
