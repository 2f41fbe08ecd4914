"""How what is asked for is written: simple filters in a query string or an object, or a list of conditions.

A body that selects takes one of `SelectingWorkflows`, `SelectingTasks`, `SelectingTaskInstances`; an act, which must never
mean everything by mistake, adds `NotByMistake` before it. `conditions_of` gives what was selected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from marshmallow import ValidationError, validates_schema

from jobmon_server.db.search import Condition, Entity, InvalidQuery, parse_condition
from jobmon_server.db.search.conditions import ATTRIBUTES, filterable
from jobmon_server.db.search.expense import check_size
from jobmon_server.db.search.query import Operator
from jobmon_server.db.search.simple_filters import parse_simple, simple_filters
from jobmon_server.db.search.virtual_fields import has_attributes
from jobmon_server.routes.fields.base import Flag, Plain, Schema
from jobmon_server.routes.http.endpoint import settings
from jobmon_server.routes.schemas.field_docs import filter_schema, filter_text_schema

MOST_CONDITIONS = 50
Conditions = tuple[Condition, ...]
_PARTS = {"field", "operator", "value"}


class Filter(Plain[Conditions]):
    """An object of simple filters, all of which must hold; `attributes` is an object of its own."""

    def __init__(self, entity: Entity, **options: Any) -> None:
        """Document the names."""
        self.names = simple_filters(entity)
        self.with_attributes = any(name.startswith(ATTRIBUTES) for name in filterable(entity))
        known = [*self.names, *(["attributes"] if self.with_attributes else [])]
        self.problem = f"is no filter of this; the filters are: {', '.join(known)}"
        properties = {name: filter_schema(entity, name) for name in self.names}
        if self.with_attributes:
            properties["attributes"] = {"type": "object", "additionalProperties": True}
        documented = {"type": "object", "properties": properties}
        super().__init__(metadata={**documented, "additionalProperties": False}, **options)
        self.entity = entity

    def check(self, value: Any) -> Conditions:
        """Take an object whose names are filters."""
        if type(value) is not dict or len(value) > MOST_CONDITIONS:
            raise ValidationError(f"must be a JSON object of at most {MOST_CONDITIONS} filters")
        given = dict(value)
        attributes = given.pop("attributes", {}) if self.with_attributes else {}
        if type(attributes) is not dict or len(attributes) > MOST_CONDITIONS:
            raise ValidationError({"attributes": ["must be a JSON object of values by name"]})
        named = {
            f"{ATTRIBUTES}{name}": partial(attribute, self.entity, name, one)
            for name, one in attributes.items()
        }
        return _each({**{name: partial(self._one, name, one) for name, one in given.items()}, **named})

    def _one(self, name: str, value: Any) -> Condition:
        if name not in self.names:
            raise InvalidQuery(self.problem)
        return parse_simple(self.entity, name, value)


def _pattern(entity: Entity) -> str:
    """Return the pattern of the names that conditions ask for."""
    names = [one for one in filterable(entity) if not one.startswith(ATTRIBUTES)]
    return "|".join([*names, f"{re.escape(ATTRIBUTES)}.+"] if has_attributes(entity) else names)


class Search(Plain[Conditions]):
    """A list of conditions, all of which must hold."""

    def __init__(self, entity: Entity, **options: Any) -> None:
        """Document the fields and the operators."""
        one = {
            "type": "object",
            "properties": {
                "field": {"type": "string", "pattern": f"^({_pattern(entity)})$"},
                "operator": {"type": "string", "enum": [str(operator) for operator in Operator]},
                "value": {},
            },
            "required": sorted(_PARTS),
            "additionalProperties": False,
        }
        super().__init__(metadata={"type": "array", "items": one, "maxItems": MOST_CONDITIONS}, **options)
        self.entity = entity

    def check(self, value: Any) -> Conditions:
        """Take a list of objects `{field, operator, value}`."""
        if type(value) is not list or len(value) > MOST_CONDITIONS:
            raise ValidationError(f"must be a list of at most {MOST_CONDITIONS} conditions")
        return _each({index: partial(self._one, one) for index, one in enumerate(value)})

    def _one(self, one: Any) -> Condition:
        if type(one) is not dict or one.keys() != _PARTS:
            raise InvalidQuery("must be an object of field, operator and value")
        if type(one["field"]) is not str or type(one["operator"]) is not str:
            raise InvalidQuery("must be a string", "field" if type(one["field"]) is not str else "operator")
        return parse_condition(self.entity, one["field"], one["operator"], one["value"])


class Simple(Plain[Conditions]):
    """One simple filter in a query string: a value, or several (numbers and words by commas, names by giving it again)."""

    may_repeat = True

    def __init__(self, entity: Entity, name: str, **options: Any) -> None:
        """Document it."""
        super().__init__(metadata=filter_text_schema(entity, name), **options)
        self.entity, self.asked = entity, name

    def check(self, value: Any) -> Conditions:
        """Take text, or a list of texts."""
        try:
            return (parse_simple(self.entity, self.asked, value, is_text=True),)
        except InvalidQuery as wrong:
            raise ValidationError(_nested(wrong)) from None


class AttributesAsked(Plain[Conditions]):
    """Attributes in a query string, `attr.NAME=value`, all of which must hold."""

    may_repeat = True

    def __init__(self, entity: Entity, **options: Any) -> None:
        """Document it."""
        about = "the attribute NAME has this value; given again, each must hold"
        super().__init__(metadata={"type": "string", "description": about}, **options)
        self.entity = entity

    def check(self, value: Any) -> Conditions:
        """Take what `with_attributes` has gathered."""
        return _each(
            {
                (name, place): partial(attribute, self.entity, name, one)
                for name, given in value.items()
                for place, one in enumerate(given if type(given) is list else [given])
            }
        )


def attribute(entity: Entity, name: str, value: Any) -> Condition:
    """Read the condition that an attribute has this value, or any of a list of values."""
    operator = Operator.IN if type(value) is list else Operator.EQ
    return parse_condition(entity, f"{ATTRIBUTES}{name}", operator, value)


def _each(readers: Mapping[Any, Callable[[], Condition]]) -> Conditions:
    """Read all of them, so that one refusal names every bad one."""
    conditions, problems = [], {}
    for place, read in readers.items():
        try:
            conditions.append(read())
        except InvalidQuery as wrong:
            problems[place] = _nested(wrong)
    if problems:
        raise ValidationError(problems)
    return tuple(conditions)


def _nested(wrong: InvalidQuery) -> Any:
    """Return a problem under the path of its part."""
    problem: Any = [wrong.problem]
    for part in reversed([part for part in wrong.part.split(".") if part]):
        problem = {part: problem}
    return problem


class Selecting(Schema):
    """What is selected: all that meets `filter`, or all that meets `search`."""

    @validates_schema(skip_on_field_errors=True)
    def one_way(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse both at once: which of them should hold?"""
        if "filter" in data and "search" in data:
            raise ValidationError("give either filter or search, not both", "search")


class SelectingWorkflows(Selecting):
    """Which workflows."""

    filter = Filter(Entity.WORKFLOW)
    search = Search(Entity.WORKFLOW)


class SelectingTasks(Selecting):
    """Which tasks."""

    filter = Filter(Entity.TASK)
    search = Search(Entity.TASK)


class SelectingTaskInstances(Selecting):
    """Which instances."""

    filter = Filter(Entity.TASK_INSTANCE)
    search = Search(Entity.TASK_INSTANCE)


class NotByMistake(Schema):
    """Everything is selected only by who says so."""

    all = Flag()

    @validates_schema(skip_on_field_errors=True)
    def is_meant(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse what names no filter, or an empty one."""
        has_any = bool(data.get("filter") or data.get("search"))
        if has_any == data.get("all", False):
            raise ValidationError("give filter or search, or else all: true", "filter")


def conditions_of(data: dict[str, Any]) -> Conditions:
    """Take what was selected out of a body's fields."""
    data.pop("all", None)
    return affordable((*data.pop("filter", ()), *data.pop("search", ())))


def affordable(conditions: Conditions) -> Conditions:
    """Return the conditions of one query; raises `TooExpensive` where they are larger than this server takes."""
    check_size(conditions, settings().query_values)
    return conditions


def exactly_one(data: Mapping[str, Any], *names: str) -> None:
    """Refuse a selection by none of these, or by more than one."""
    if len(data.keys() & set(names)) != 1:
        raise ValidationError(f"give exactly one of {', '.join(names)}", names[0])
