"""What a search may cost: in time, in values, in company. What costs more is refused by name, or told to come again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from jobmon_server.db.core.failures import is_overdue
from jobmon_server.db.core.limits.time_limit import time_limit
from jobmon_server.db.search.globs import Pattern, RegexSpelling
from jobmon_server.db.search.query import Condition, Entity, Operator, Query
from jobmon_server.errors import TooExpensive

P = ParamSpec("P")
T = TypeVar("T")
Search = Callable[Concatenate[Connection, Entity, Any, P], T]

#: So many characters, at most, have all texts of a query together: a statement is not much longer than they are.
MOST_CHARACTERS = 1_000_000
#: A query of more conditions or values than this was made costly by whoever asks, if it takes too long.
MANY_CONDITIONS = 10
MANY_VALUES = 1_000
#: What leads to few rows by an index, whatever else is asked of them.
_LEADS = frozenset({Operator.EQ, Operator.IN})


def check_size(conditions: Sequence[Condition], most_values: int) -> None:
    """Raise `TooExpensive` where all conditions together have too many values, or too long ones."""
    values = [value for one in conditions for value in _values(one)]
    if len(values) > most_values:
        raise TooExpensive.field(
            "search",
            f"has {len(values)} values in all conditions together, of which {most_values} are allowed",
        )
    characters = sum(len(value) for value in values if isinstance(value, str))
    if characters > MOST_CHARACTERS:
        raise TooExpensive.field(
            "search", f"has texts of {characters} characters in all, of which {MOST_CHARACTERS} are allowed"
        )


def bounded(search: Search[P, T]) -> Search[P, T]:
    """Have a search take a place among few, and end when its time is up. Raises `Busy`, `TooExpensive`."""

    @wraps(search)
    def run(connection: Connection, entity: Entity, asked: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        conditions = asked.conditions if isinstance(asked, Query) else asked
        with ExitStack() as held:
            if not any(_leads(one) for one in conditions):
                held.enter_context(connection.get_execution_options()["search_slots"].taken())
            held.enter_context(_limited(connection, conditions))
            return search(connection, entity, asked, *args, **kwargs)

    return run


@contextmanager
def _limited(connection: Connection, conditions: Sequence[Condition]) -> Iterator[None]:
    has_patterns = any(isinstance(one.value, Pattern | RegexSpelling) for one in conditions)
    try:
        with time_limit(connection, "pattern_seconds" if has_patterns else "query_seconds"):
            yield
    except DBAPIError as error:
        if is_overdue(error) and (has_patterns or _is_large(conditions)):
            raise _blamed(conditions) from error
        raise


def _is_large(conditions: Sequence[Condition]) -> bool:
    values = sum(len(_values(one)) for one in conditions)
    return len(conditions) > MANY_CONDITIONS or values > MANY_VALUES


def _blamed(conditions: Sequence[Condition]) -> TooExpensive:
    """Name the fields that are compared with patterns; where none is, there are too many conditions or values."""
    fields = [one.field for one in conditions if isinstance(one.value, Pattern | RegexSpelling)]
    problem = (
        "takes too long: ask by workflow_id or another id as well, or with fewer wildcards and repetitions"
    )
    details = [{"field": field, "problem": problem} for field in dict.fromkeys(fields)]
    many = {"field": "search", "problem": "takes too long: ask with fewer conditions and values"}
    return TooExpensive(details=details or [many])


def _leads(condition: Condition) -> bool:
    is_id = condition.field.endswith("_id") or condition.field == "attempts"
    return is_id and condition.operator in _LEADS


def _values(condition: Condition) -> Sequence[Any]:
    value = condition.value
    return (
        value
        if isinstance(value, tuple) and condition.operator in {Operator.IN, Operator.NOT_IN}
        else (value,)
    )
