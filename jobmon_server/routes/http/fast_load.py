"""Marshmallow's answer for very many items: what a plain check takes is taken, all else goes to marshmallow itself.

A schema with hooks is left to marshmallow whole; a field that is not one of ours is asked through its own
`deserialize`. So a result or an error is always marshmallow's, only sooner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from marshmallow import ValidationError, fields, missing

from jobmon_server.routes.fields.base import ListOf, Plain, Schema

Load = Callable[[Any], Any]
#: So many bad items are named in one refusal; marshmallow takes long over each.
MOST_BAD = 10_000


class FieldCheck(NamedTuple):
    """What is done with one field of an item."""

    key: str
    attribute: str
    required: bool
    default: Any
    check: Load


def loader(schema: Schema) -> Load:
    """Return `schema.load` for one item, made quick; it raises the same ValidationError."""
    if schema.many or any(schema._hooks.values()):  # noqa: SLF001 - nothing public tells whether there are hooks
        return schema.load
    steps = [_step(name, field) for name, field in schema.load_fields.items()]

    def load(item: Any) -> Any:
        try:
            taken = _walk(steps, item)
        except ValidationError:
            taken = None
        return schema.load(item) if taken is None else taken

    return load


@cache
def loader_of(schema: type[Schema]) -> Load:
    """Return the `loader` of a schema, one for all who ask: made when it is first needed, as few of them ever are."""
    return loader(schema())


def quick_load(schema: Schema, items: Sequence[Any]) -> list[Any]:
    """Return what `schema.load` makes of each item, or raise ValidationError with {index: messages} of all bad ones."""
    return _load_all(loader(schema), items)


def _load_all(load: Load, items: Sequence[Any]) -> list[Any]:
    """Go through all items, so that one error names every bad one."""
    taken: list[Any] = []
    errors: dict[int, Any] = {}
    for index, item in enumerate(items):
        try:
            taken.append(load(item))
        except ValidationError as error:
            errors[index] = error.messages
            if len(errors) == MOST_BAD:
                errors[index + 1] = ["was not looked at any more, nor was what follows"]
                break
    if errors:
        raise ValidationError(errors)
    return taken


def _walk(steps: Sequence[FieldCheck], item: Any) -> dict[str, Any] | None:
    """Take an item field by field; None when marshmallow has to say what is wrong with it."""
    if type(item) is not dict:
        return None
    taken: dict[str, Any] = {}
    known = 0
    for key, attribute, required, default, check in steps:
        value = item.get(key, missing)
        if value is not missing:
            known += 1
            taken[attribute] = check(value)
        elif required:
            return None
        elif default is not missing:
            taken[attribute] = default() if callable(default) else default
    return taken if known == len(item) else None


def _step(name: str, field: fields.Field[Any]) -> FieldCheck:
    """Read off a field what marshmallow would do with it."""
    key = field.data_key if field.data_key is not None else name
    return FieldCheck(key, field.attribute or name, field.required, field.load_default, _check(field, key))


def _check(field: fields.Field[Any], key: str) -> Load:
    """Return the shortest function that takes a value as the field's `deserialize` does."""
    if isinstance(field, Plain) and not field.validators and not field.allow_none:
        return field.check
    if type(field) is ListOf and not field.validators and not field.allow_none:
        return _check_list(field, key)
    return lambda value: field.deserialize(value, key, {})


def _check_list(field: ListOf, key: str) -> Load:
    """Take a list of plain values; its messages do not matter, marshmallow makes them again."""
    check, minimum, maximum = _check(field.inner, key), field.minimum, field.maximum

    def check_all(value: Any) -> list[Any]:
        if type(value) is not list or not minimum <= len(value) <= maximum:
            raise ValidationError("is for marshmallow to judge")
        return [check(one) for one in value]

    return check_all


class Items(fields.List[Any]):
    """A list of objects of one schema, `minimum` to `maximum` of them, loaded quickly."""

    default_error_messages = ListOf.default_error_messages

    def __init__(
        self, schema: type[Schema], minimum: int = 0, maximum: int = 1_000_000, **options: Any
    ) -> None:
        """Document the length as it is checked."""
        super().__init__(
            fields.Nested(schema), metadata={"minItems": minimum, "maxItems": maximum}, **options
        )
        self.minimum, self.maximum = minimum, maximum
        self._of = schema

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        if not self.minimum <= len(value) <= self.maximum:
            raise ValidationError(f"must have {self.minimum} to {self.maximum} items")
        return _load_all(loader_of(self._of), value)
