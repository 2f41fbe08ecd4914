"""Conditions: read from what was asked, with the allowed named when it cannot be; and made into SQL."""

from __future__ import annotations

import operator as compare
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, not_, or_

from jobmon_server.db.schema.attribute_index import is_indexed
from jobmon_server.db.search.dates import Period
from jobmon_server.db.search.dialects import exact, found_in, name_like
from jobmon_server.db.search.field_types import ATTRIBUTE, FieldType
from jobmon_server.db.search.fields import FIELDS, Field
from jobmon_server.db.search.globs import LONGEST, Pattern, RegexSpelling, read_pattern
from jobmon_server.db.search.query import Condition, Entity, InvalidQuery, Operator
from jobmon_server.db.search.regex import read_regex
from jobmon_server.db.search.virtual_fields import QUESTIONS, by_attribute, has_attributes, is_live, lead

ATTRIBUTES = "attributes."
#: So many times, at most, are in one list, each of which is a condition of its own.
MOST_PERIODS = 100
_LISTS = frozenset({Operator.IN, Operator.NOT_IN})
_NAMES = frozenset({Operator.LIKE, Operator.NOT_LIKE})
_COMPARED: dict[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQ: compare.eq,
    Operator.GT: compare.gt,
    Operator.LT: compare.lt,
    Operator.GE: compare.ge,
    Operator.LE: compare.le,
}
_NEGATIVE = frozenset({Operator.NEQ, Operator.NOT_IN, Operator.NOT_LIKE})


def parse_condition(
    entity: Entity, field: str, operator: str, value: Any, *, is_text: bool = False
) -> Condition:
    """Read one condition; raises `Wrong`, whose `part` is `field`, `operator` or `value`, and names what is allowed.

    `is_text` says that values were written in a query string, where every value is text.
    """
    kind = _kind(entity, field)
    if operator not in kind.operators:
        allowed = ", ".join(one for one in Operator if one in kind.operators) or "none"
        raise InvalidQuery(f"must be one of: {allowed}", "operator")
    try:
        return Condition(field, Operator(operator), _value(kind, Operator(operator), value, is_text=is_text))
    except InvalidQuery as wrong:
        raise InvalidQuery(wrong.problem, f"value.{wrong.part}" if wrong.part else "value") from None


def _kind(entity: Entity, field: str) -> FieldType:
    if has_attributes(entity) and field.startswith(ATTRIBUTES) and is_indexed(field.removeprefix(ATTRIBUTES)):
        return ATTRIBUTE
    known: Any = QUESTIONS[entity].get(field) or FIELDS[entity].get(field)
    if known is not None and known.kind.operators:
        kind: FieldType = known.kind
        return kind
    raise InvalidQuery(f"must be one of: {', '.join(filterable(entity))}", "field")


def filterable(entity: Entity) -> list[str]:
    """Return what an entity can be asked for by, in order."""
    fields = [field.name for field in FIELDS[entity].values() if field.kind.operators]
    return sorted([*fields, *QUESTIONS[entity], *([f"{ATTRIBUTES}NAME"] if has_attributes(entity) else [])])


def _value(kind: FieldType, operator: Operator, value: Any, *, is_text: bool) -> Any:
    def one(given: Any) -> Any:
        return kind.parse(kind.from_text(given) if is_text and type(given) is str else given)

    if operator in _NAMES:
        return read_pattern(kind.parse(value))
    if operator is Operator.REGEX:
        return read_regex(kind.parse(value))
    if operator not in _LISTS:
        return None if value is None and operator in {Operator.EQ, Operator.NEQ} else one(value)
    if type(value) is not list:
        raise InvalidQuery("must be a list")
    return _values(value, one, kind.most_values)


def _values(given: list[Any], one: Callable[[Any], Any], most: int) -> tuple[Any, ...]:
    if len(given) > most:
        raise InvalidQuery(f"may have at most {most} values")
    values = []
    for index, item in enumerate(given):
        try:
            values.append(one(item))
        except InvalidQuery as wrong:
            raise InvalidQuery(wrong.problem, str(index)) from None
    periods = {value.resolution for value in values if isinstance(value, Period)}
    if len(periods) > 1:
        raise InvalidQuery(f"may not mix resolutions: {', '.join(sorted(periods))}")
    if periods and len(values) > MOST_PERIODS:
        raise InvalidQuery(f"may have at most {MOST_PERIODS} times")
    return tuple(values)


def live_statuses(entity: Entity, conditions: Sequence[Condition]) -> Sequence[Any]:
    """Return the statuses of live instances that are all that is asked for; none where it is anything else."""
    if len(conditions) != 1 or not _is_status_of_instance(entity, conditions[0]):
        return ()
    value = conditions[0].value
    values: Sequence[Any] = value if conditions[0].operator in _LISTS else (value,)
    return values if is_live(values) else ()


def clause(entity: Entity, condition: Condition, now: datetime | None) -> ColumnElement[bool]:
    """Return the SQL of a condition. What is null matches `eq` null, and no other condition than that."""
    name, operator, value = condition.field, condition.operator, condition.value
    values = value if operator in _LISTS else (value,)
    if name in QUESTIONS[entity]:
        return QUESTIONS[entity][name].where(values, now) if values else false()
    if name in FIELDS[entity]:
        plain = _of_field(FIELDS[entity][name], operator, value)
        leads = lead(values) if _is_status_of_instance(entity, condition) else None
        return plain if leads is None else and_(leads, plain)
    if value is None:
        values = ()
        operator = Operator.IN if operator is Operator.EQ else Operator.NOT_IN
    return by_attribute(entity, name.removeprefix(ATTRIBUTES), operator, values)


def _is_status_of_instance(entity: Entity, condition: Condition) -> bool:
    is_status = entity is Entity.TASK_INSTANCE and condition.field == "status"
    return is_status and condition.operator in {Operator.EQ, Operator.IN}


def _of_field(field: Field, operator: Operator, value: Any) -> ColumnElement[bool]:
    column = field.compared
    if value is None:
        return column.is_(None) if operator is Operator.EQ else column.is_not(None)
    if operator in _NEGATIVE:
        positive = {Operator.NEQ: Operator.EQ, Operator.NOT_IN: Operator.IN, Operator.NOT_LIKE: Operator.LIKE}
        return and_(column.is_not(None), not_(_positive(column, positive[operator], value)))
    return _positive(column, operator, value)


def _positive(column: ColumnElement[Any], operator: Operator, value: Any) -> ColumnElement[bool]:
    if operator is Operator.IN:
        return _among(column, value)
    if isinstance(value, RegexSpelling):
        return found_in(column, value.re2, value.pcre)
    if isinstance(value, Pattern):
        return _matches(column, value)
    if isinstance(value, Period):
        return _in_time(column, operator, value)
    compared: ColumnElement[bool] = _COMPARED[operator](column, value)
    return compared


def _among(column: ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    if values and isinstance(values[0], Period):
        return or_(*(_in_time(column, Operator.EQ, value) for value in values))
    return column.in_(values) if values else false()


def _matches(column: ColumnElement[Any], pattern: Pattern) -> ColumnElement[bool]:
    if pattern.glob is None:
        matched: ColumnElement[Any] = found_in(column, pattern.regex.re2, pattern.regex.pcre)
    else:
        matched = name_like(column, pattern.glob, pattern.like)
    # Free text may be of any length; what is longer than a name can be matches no pattern.
    return and_(func.char_length(column) <= LONGEST, matched) if isinstance(column, exact) else matched


def _in_time(column: ColumnElement[Any], operator: Operator, period: Period) -> ColumnElement[bool]:
    """A period is equal to what lies within it; what is later begins where it ends."""
    ways: dict[Operator, tuple[ColumnElement[bool], ...]] = {
        Operator.EQ: (column >= period.start, column < period.end),
        Operator.GT: (column >= period.end,),
        Operator.LT: (column < period.start,),
        Operator.GE: (column >= period.start,),
        Operator.LE: (column < period.end,),
    }
    return and_(*ways[operator])
