"""Simple filters: a field's name for one value or any of many, bounds of its time, patterns of names."""

from __future__ import annotations

from typing import Any

from jobmon_server.db.search.conditions import ATTRIBUTES, filterable, parse_condition
from jobmon_server.db.search.field_types import FieldType
from jobmon_server.db.search.fields import FIELDS
from jobmon_server.db.search.globs import is_pattern
from jobmon_server.db.search.query import Condition, Entity, InvalidQuery, Operator
from jobmon_server.db.search.virtual_fields import QUESTIONS

_BOUNDS = {"after": Operator.GE, "before": Operator.LT}
_PATTERNED = frozenset({"name", "nodename"})
#: Of these one value is told from the next by a comma, in a query string; names may have commas in them.
_BY_COMMAS = frozenset({"number", "status", "pair"})
#: Simple filters that ask for something else than a field of their name.
_OTHERS = {Entity.TASK_INSTANCE: {"distributor_id": "cluster_id"}}


def simple_filters(entity: Entity) -> list[str]:
    """Return the names of an entity's simple filters, attributes left out."""
    times = [
        field.name for field in FIELDS[entity].values() if field.kind.name == "time" and field.kind.operators
    ]
    bounds = [f"{name.removesuffix('_at')}_{bound}" for name in times for bound in _BOUNDS]
    plain = [name for name in filterable(entity) if not name.startswith(ATTRIBUTES)]
    return sorted({*plain, *bounds} - {*_OTHERS.get(entity, {}).values(), "last"})


def asked_of(entity: Entity, name: str) -> tuple[FieldType, frozenset[Operator]]:
    """Return the kind of what a simple filter asks for, and the operators that its value may mean."""
    known: dict[str, Any] = {**FIELDS[entity], **QUESTIONS[entity]}
    stem, _, bound = name.rpartition("_")
    if bound in _BOUNDS:
        timed = next(one for one in (f"{stem}_at", stem) if one in FIELDS[entity])
        return known[timed].kind, frozenset({_BOUNDS[bound]})
    kind: FieldType = known[_OTHERS.get(entity, {}).get(name, name)].kind
    return kind, kind.operators


def parse_simple(entity: Entity, name: str, value: Any, *, is_text: bool = False) -> Condition:
    """Read a simple filter that `simple_filters` names; raises `Wrong` for a value that cannot be."""
    stem, _, bound = name.rpartition("_")
    field, operator = _OTHERS.get(entity, {}).get(name, name), Operator.EQ
    if bound in _BOUNDS:
        timed = next(one for one in (f"{stem}_at", stem) if one in FIELDS[entity])
        field, operator = timed, _BOUNDS[bound]
    elif name == "attempt" and value == "last":
        field, value = "last", True
    elif name in _PATTERNED and type(value) is str and is_pattern(value):
        operator = Operator.LIKE
    else:
        value = _many(entity, field, value) if is_text else value
        operator = Operator.IN if type(value) is list else Operator.EQ
    try:
        return parse_condition(entity, field, operator, value, is_text=is_text)
    except InvalidQuery as wrong:
        if wrong.part == "operator":
            raise InvalidQuery("takes one value, not a list") from None
        # Of `value.3` only the 3 is of the filter's own making.
        raise InvalidQuery(wrong.problem, wrong.part.removeprefix("value").removeprefix(".")) from None


def _many(entity: Entity, field: str, value: Any) -> Any:
    """Split what was written as a list in a query string; what was given twice is a list already."""
    known: Any = QUESTIONS[entity].get(field) or FIELDS[entity][field]
    if known.kind.name not in _BY_COMMAS or type(value) is list:
        return value
    parts = [part for part in value.split(",") if part]
    return parts[0] if len(parts) == 1 else parts
