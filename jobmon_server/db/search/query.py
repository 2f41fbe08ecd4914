"""The words of the query language: what is asked for, by which conditions, in which order, how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

#: So many rows of a list, at most, are in one reply; fewer where each may be long.
LARGEST_PAGE = 1_000
LARGEST_HEAVY_PAGE = 100


class Entity(StrEnum):
    """What can be searched."""

    WORKFLOW = "workflow"
    TASK = "task"
    TASK_INSTANCE = "task_instance"


class Operator(StrEnum):
    """How a field is compared."""

    EQ = "eq"
    NEQ = "neq"
    GT = "gt"
    LT = "lt"
    GE = "ge"
    LE = "le"
    LIKE = "like"
    NOT_LIKE = "not_like"
    REGEX = "regex"
    IN = "in"
    NOT_IN = "not_in"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; all of a list must hold. Make it with `parse_condition`, which refuses what cannot be."""

    field: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Sort:
    """One key of an order."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """What a list shall hold: which rows, in which order, what of each, and how many of them."""

    conditions: tuple[Condition, ...] = ()
    #: None for what a list has by itself.
    fields: tuple[str, ...] | None = None
    #: What is read beside, for a whole page at once: of `EXTRAS`.
    extras: tuple[str, ...] = ()
    sort: tuple[Sort, ...] = ()
    limit: int = 50
    offset: int = 0
    #: The values of the order's keys after which the page begins, as `read_cursor` gives them.
    after: tuple[Any, ...] | None = None
    distinct: bool = False
    with_total: bool = True


@dataclass(frozen=True, slots=True)
class ResultPage:
    """A page: its rows by names on the wire, where the next begins, and how many rows there are without paging."""

    rows: list[dict[str, Any]]
    next: str | None
    total: int | None


class InvalidQuery(ValueError):
    """What was asked cannot be: `problem` says why, in the words of a refusal, and `part` of which part of it."""

    def __init__(self, problem: str, part: str = "") -> None:
        """Take the problem."""
        self.problem = problem
        self.part = part
        super().__init__(problem)
