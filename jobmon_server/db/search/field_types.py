"""Kinds of field: which operators each has, and how a value is read, from JSON or from the text of a query string."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from jobmon_client.states import Status
from jobmon_server.db.search.dates import parse_period
from jobmon_server.db.search.query import InvalidQuery, Operator

LARGEST_NUMBER = 2**63 - 1
LONGEST_TEXT = 1_000
MOST_VALUES = 10_000

_SAME = frozenset({Operator.EQ, Operator.NEQ, Operator.IN, Operator.NOT_IN})
_ORDER = frozenset({Operator.GT, Operator.LT, Operator.GE, Operator.LE})
_NAMES = frozenset({Operator.LIKE, Operator.NOT_LIKE})


@dataclass(frozen=True, slots=True)
class FieldType:
    """What can be done with a field of this kind; one without operators is shown and no more."""

    name: str
    operators: frozenset[Operator]
    parse: Callable[[Any], Any]
    from_text: Callable[[str], Any] = str
    is_sortable: bool = True
    is_groupable: bool = False
    words: tuple[Status, ...] = ()
    #: So many values, at most, are in one list.
    most_values: int = MOST_VALUES


def _number(value: Any) -> int:
    if type(value) is int and -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
        return value
    raise InvalidQuery("must be an integer")


def _digits(text: str) -> Any:
    sign, digits = text[:1] == "-", text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 19):
        return text
    return -int(digits) if sign else int(digits)


def _text(value: Any) -> str:
    if type(value) is not str or len(value) > LONGEST_TEXT:
        raise InvalidQuery(f"must be a string of at most {LONGEST_TEXT} characters")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InvalidQuery("may not contain a lone surrogate")
    return value


def _flag(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise InvalidQuery("must be true or false")


def _flag_text(text: str) -> Any:
    return {"true": True, "false": False}.get(text, text)


def _period(value: Any) -> Any:
    return parse_period(_text(value))


def _attribute(value: Any) -> Any:
    if type(value) in {str, int, float, bool}:
        return _text(value) if type(value) is str else value
    raise InvalidQuery("must be a string, a number, true or false")


def _shown_only(value: Any) -> Any:
    raise InvalidQuery("cannot be asked for")


def _word(words: dict[str, Status], value: Any) -> Status:
    if type(value) is str and value in words:
        return words[value]
    raise InvalidQuery(
        f"{value}: must be of: {', '.join(words)}"
        if type(value) is str
        else f"must be of: {', '.join(words)}"
    )


NUMBER = FieldType("number", _SAME | _ORDER, _number, _digits, is_groupable=True)
TEXT = FieldType("text", _SAME | _ORDER | _NAMES | {Operator.REGEX}, _text, is_groupable=True)
#: Of any length: what matches it by a regular expression could take long.
LONG_TEXT = FieldType("text", _SAME | _NAMES, _text, is_groupable=True)
TIME = FieldType("time", _SAME | _ORDER, _period)
FLAG = FieldType("flag", frozenset({Operator.EQ, Operator.NEQ}), _flag, _flag_text, is_groupable=True)
REAL = FieldType("real", frozenset(), _shown_only, is_sortable=False)
SHOWN_TEXT = FieldType("text", frozenset(), _shown_only, is_sortable=False)
DOCUMENT = FieldType("document", frozenset(), _shown_only, is_sortable=False)
ATTRIBUTE = FieldType("attribute", _SAME, _attribute, is_sortable=False)


def status(statuses: Iterable[Status]) -> FieldType:
    """Make the kind of a status; it is sorted in the order of its vocabulary."""
    words = {str(member): member for member in statuses}
    return FieldType("status", _SAME, partial(_word, words), is_groupable=True, words=tuple(words.values()))
