"""How a list is asked for, in a query string or a document: which fields, which order, how much of it, from where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from typing import Any

from marshmallow import ValidationError, pre_load

from jobmon_server.db.search import Condition, Entity, InvalidQuery, Query, ResultPage, Sort
from jobmon_server.db.search.conditions import ATTRIBUTES, filterable
from jobmon_server.db.search.fields import EXTRAS, FIELDS, SUMMARY
from jobmon_server.db.search.keyset import keys_of, read_cursor
from jobmon_server.db.search.query import LARGEST_HEAVY_PAGE, LARGEST_PAGE
from jobmon_server.db.search.simple_filters import simple_filters
from jobmon_server.errors import Malformed
from jobmon_server.routes.fields.base import LARGEST_ID, Flag, Plain, Schema, Text, Whole, WordField
from jobmon_server.routes.fields.query_params import Digits
from jobmon_server.routes.schemas.field_docs import names_schema
from jobmon_server.routes.schemas.paging import FARTHEST, TextFlag
from jobmon_server.routes.schemas.selection import AttributesAsked, Filter, Search, Simple, affordable

DEFAULT_LIMIT = 50
MOST_KEYS = 10
_ATTRIBUTE = "attr."


class DetailLevel(StrEnum):
    """How much of each row."""

    SUMMARY = "summary"
    FULL = "full"


class Names(Plain[tuple[str, ...]]):
    """Names of fields: a list, or text with commas."""

    may_repeat = True

    def __init__(self, allowed: Iterable[str], *, is_text: bool, **options: Any) -> None:
        """Document the names."""
        self.allowed = sorted(allowed)
        super().__init__(metadata=names_schema(self.allowed, is_text=is_text), **options)

    def check(self, value: Any) -> tuple[str, ...]:
        """Take names, each once."""
        names = value.split(",") if type(value) is str else value
        if type(names) is not list or not names or any(type(name) is not str for name in names):
            raise ValidationError("must be a list of names of fields")
        unknown = [name for name in names if name not in self.allowed]
        if unknown:
            raise ValidationError(f"{', '.join(unknown)}: must be of: {', '.join(self.allowed)}")
        return tuple(dict.fromkeys(names))


class SortOrder(Plain[tuple[Sort, ...]]):
    """Keys of an order: names of fields, each with a `-` before it for descending."""

    may_repeat = True

    def __init__(self, entity: Entity, *, is_text: bool, **options: Any) -> None:
        """Document the keys."""
        sortable = (field.name for field in FIELDS[entity].values() if field.kind.is_sortable)
        self.names = Names(sortable, is_text=is_text)
        documented = names_schema(self.names.allowed, is_text=is_text, before="-")
        super().__init__(metadata=documented, **options)

    def check(self, value: Any) -> tuple[Sort, ...]:
        """Take keys, each field once."""
        keys = value.split(",") if type(value) is str else value
        if type(keys) is not list or len(keys) > MOST_KEYS or any(type(key) is not str for key in keys):
            raise ValidationError(f"must be a list of at most {MOST_KEYS} fields")
        names = [key.removeprefix("-") for key in keys]
        if keys and len(self.names.check(names)) < len(names):
            raise ValidationError("names a field more than once")
        return tuple(Sort(name, key.startswith("-")) for name, key in zip(names, keys, strict=True))


class ListQuery(Schema):
    """A query string with filters; what is `attr.NAME` in it is gathered first."""

    @pre_load
    def gather(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Put attributes under the one name by which the document knows them."""
        if "attributes" not in self.fields:
            return data
        given = {name for name in data if name.startswith(_ATTRIBUTE) and name != _ATTRIBUTE}
        rest = {name: value for name, value in data.items() if name not in given}
        attributes = {name.removeprefix(_ATTRIBUTE): data[name] for name in sorted(given)}
        return {**rest, f"{_ATTRIBUTE}NAME": attributes} if attributes else rest


# Hundreds of fields in all, the same for many routes: schemas share them.
@cache
def filters(entity: Entity) -> Mapping[str, Plain[Any]]:
    """Make the fields of a query string's filters."""
    found: dict[str, Plain[Any]] = {name: Simple(entity, name) for name in simple_filters(entity)}
    if any(name.startswith(ATTRIBUTES) for name in filterable(entity)):
        found["attributes"] = AttributesAsked(entity, data_key=f"{_ATTRIBUTE}NAME")
    return found


@cache
def selection(entity: Entity) -> Mapping[str, Plain[Any]]:
    """Make the fields by which a document selects."""
    return {"filter": Filter(entity), "search": Search(entity)}


def paging(entity: Entity, *, is_text: bool) -> dict[str, Plain[Any]]:
    """Make the fields that say what is shown, in which order, and which page of it."""
    number: type[Whole] = Digits if is_text else Whole
    flag: type[Plain[bool]] = TextFlag if is_text else Flag
    return {
        **shape(entity, is_text=is_text),
        "limit": number(0, LARGEST_ID, load_default=DEFAULT_LIMIT),
        "page": number(1, FARTHEST),
        "offset": number(0, FARTHEST),
        "cursor": Text(),
        "total": flag(load_default=True),
        "distinct": flag(load_default=False),
    }


@cache
def shape(entity: Entity, *, is_text: bool) -> Mapping[str, Plain[Any]]:
    """Make the fields that say what is shown, and in which order."""
    names = (*FIELDS[entity], *EXTRAS[entity])
    return {
        "fields": Names(names, is_text=is_text),
        "detail": WordField(DetailLevel),
        "sort": SortOrder(entity, is_text=is_text),
    }


def grouping(entity: Entity, *, is_text: bool) -> Names:
    """Make the field that says by what to count."""
    groupable = (field.name for field in FIELDS[entity].values() if field.kind.is_groupable)
    return Names(groupable, is_text=is_text, required=True)


#: What a list is told beside its conditions.
_CONTROLS = frozenset({"fields", "detail", "sort", "limit", "page", "offset", "cursor", "total", "distinct"})


def conditions_in(facts: dict[str, Any]) -> tuple[Condition, ...]:
    """Take the conditions out of what was asked, however they were written."""
    names = [name for name in facts if name not in _CONTROLS]
    return affordable(tuple(condition for name in names for condition in facts[name]))


def query_of(entity: Entity, facts: dict[str, Any]) -> Query:
    """Make the query of a list; raises `Malformed` for what does not go together."""
    fields, extras = _shown(entity, facts)
    is_heavy = "task_list" in extras or any(FIELDS[entity][name].is_heavy for name in fields)
    limit = min(facts.get("limit", LARGEST_PAGE), LARGEST_HEAVY_PAGE if is_heavy else LARGEST_PAGE)
    sort, distinct = facts.get("sort", ()), facts.get("distinct", False)
    if len(facts.keys() & {"page", "offset", "cursor"}) > 1:
        raise Malformed.field("page", "give one of page, offset and cursor")
    if distinct:
        _check_distinct(entity, facts, (*fields, *extras))
    after = None
    if "cursor" in facts:
        try:
            after = read_cursor(keys_of(entity, sort, fields if distinct else None), facts["cursor"])
        except InvalidQuery as wrong:
            raise Malformed.field("cursor", wrong.problem) from None
    return Query(
        conditions_in(facts),
        fields,
        extras,
        sort,
        limit,
        facts.get("offset", (facts.get("page", 1) - 1) * limit),
        after,
        distinct,
        facts.get("total", True),
    )


def _shown(entity: Entity, facts: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which fields and which extras are to be shown."""
    if "fields" in facts and "detail" in facts:
        raise Malformed.field("fields", "give either fields or detail")
    extras = EXTRAS[entity]
    if "fields" in facts:
        names = facts["fields"]
        return tuple(name for name in names if name not in extras), tuple(
            name for name in names if name in extras
        )
    if facts.get("detail") is DetailLevel.FULL:
        return tuple(FIELDS[entity]), extras
    return SUMMARY[entity], extras[:1]


def _check_distinct(entity: Entity, facts: dict[str, Any], names: tuple[str, ...]) -> None:
    """Distinct rows have no id to tell them apart: they are what is shown of them, and nothing else orders them."""
    if "fields" not in facts:
        raise Malformed.field("fields", "is required where distinct is true")
    unfit = [
        name for name in names if name not in FIELDS[entity] or not FIELDS[entity][name].kind.is_sortable
    ]
    if unfit:
        raise Malformed.field("fields", f"{', '.join(unfit)}: has no distinct values")
    others = [one.field for one in facts.get("sort", ()) if one.field not in names]
    if others:
        raise Malformed.field("sort", f"{', '.join(others)}: must be of the fields where distinct is true")


def page_reply(entity: Entity, page: ResultPage, query: Query) -> dict[str, Any]:
    """Give the words of a page's reply."""
    return {f"{entity}s": page.rows, "next": page.next, "total": page.total, "limit": query.limit}
