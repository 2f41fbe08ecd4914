"""The quick loader gives what marshmallow gives: the same fields, the same errors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError, fields, post_load, validate

from jobmon_client.states import TaskStatus
from jobmon_server.routes.fields.base import (
    Attributes,
    CommandText,
    Count,
    Flag,
    Id,
    Increment,
    ListOf,
    Name,
    Real,
    Schema,
    Text,
    WordField,
)
from jobmon_server.routes.http.fast_load import Items, loader, quick_load


class Item(Schema):
    """One field of every kind, and marshmallow's own beside them."""

    name = Name(required=True)
    identity = Name(minimum=0, load_default="")
    command = CommandText()
    text = Text(maximum=20)
    maybe = Text(allow_none=True)
    id = Id(data_key="task_id")
    count = Count(load_default=3)
    bounded = Count(validate=validate.Range(max=10))
    increment = Increment()
    real = Real(-1.0, 1.0)
    flag = Flag()
    word = WordField(TaskStatus)
    attributes = Attributes(load_default=dict)
    names = ListOf(Name(), maximum=3)
    nested_list = ListOf(Count(validate=validate.Range(max=10)))
    theirs = fields.Integer(strict=True)


class Envelope(Schema):
    """A body with a bulk list."""

    items = Items(Item, minimum=1, maximum=5, required=True)


class SlowEnvelope(Schema):
    """The same through marshmallow alone."""

    items = fields.List(fields.Nested(Item), required=True)


KEYS = [field.data_key or name for name, field in Item().fields.items()]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, 1, 2**63 - 1, 2**63, 2_592_000, 2_592_001]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=()), max_size=30),
    st.sampled_from([*TaskStatus, "x" * 256, "\ud800", "a\x00b", ""]).map(str),
)
VALUES = st.one_of(
    SCALARS, st.lists(SCALARS, max_size=4), st.dictionaries(st.text(max_size=3), SCALARS, max_size=3)
)
GOOD = {
    "task_id": st.integers(1, 9),
    "increment": st.floats(0.1, 9),
    "word": st.sampled_from([str(word) for word in TaskStatus]),
    "names": st.lists(st.sampled_from("abc"), max_size=3),
    "attributes": st.just({"a": [1]}),
}
ITEMS = st.one_of(
    st.fixed_dictionaries({"name": st.just("a")}, optional=GOOD),
    st.dictionaries(st.sampled_from([*KEYS, "other"]), VALUES, max_size=8),
    VALUES,
)


def outcome(load: Any, given: Any) -> tuple[str, Any]:
    """What came of it, errors included."""
    try:
        return "taken", load(given)
    except ValidationError as error:
        return "refused", error.messages


@pytest.mark.property
@given(ITEMS)
def test_one_item_is_taken_or_refused_as_marshmallow_does(item: Any) -> None:
    assert outcome(loader(Item()), item) == outcome(Item().load, item)


@pytest.mark.property
@given(st.lists(ITEMS, max_size=4))
def test_many_items_are_taken_or_refused_as_marshmallow_does(items: list[Any]) -> None:
    def quick(given: Any) -> Any:
        return quick_load(Item(), given)

    def slow(given: Any) -> Any:
        return Item(many=True).load(given)

    assert outcome(quick, items) == outcome(slow, items)


@pytest.mark.property
@given(st.lists(ITEMS.filter(lambda item: item is not None), min_size=1, max_size=5))
def test_a_bulk_field_names_its_bad_items_as_a_list_of_nested_does(items: list[Any]) -> None:
    assert outcome(Envelope().load, {"items": items}) == outcome(SlowEnvelope().load, {"items": items})


@pytest.mark.parametrize("items", [[], [{"name": "a"}] * 6, {}, "aa", None, 1])
def test_a_bulk_field_refuses_what_is_no_list_of_its_length(items: Any) -> None:
    kind, messages = outcome(Envelope().load, {"items": items})

    assert kind == "refused"
    assert list(messages) == ["items"]


def test_a_schema_with_a_hook_is_marshmallows_own() -> None:
    class Hooked(Schema):
        name = Name()

        @post_load
        def shout(self, taken: dict[str, Any], **_: Any) -> dict[str, Any]:
            return {"name": taken["name"].upper()}

    assert loader(Hooked())({"name": "a"}) == {"name": "A"}


def test_a_good_item_never_reaches_marshmallow(monkeypatch: pytest.MonkeyPatch) -> None:
    schema = Item()
    load = loader(schema)
    monkeypatch.setattr(Item, "_do_load", None)

    assert load({"name": "a", "names": ["b"], "task_id": 4})["id"] == 4
