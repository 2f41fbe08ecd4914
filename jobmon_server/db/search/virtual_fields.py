"""What can be asked about and is no column: who holds a thing, whether its deadline passed, of what it is a member."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, false, not_, or_, select, tuple_

from jobmon_server.db.core.planner_hints import StraightJoin, by_index
from jobmon_server.db.schema.attribute_index import attribute_digest
from jobmon_server.db.schema.tables import task, task_instance
from jobmon_server.db.schema.tables_control import task_attribute, workflow_attribute
from jobmon_server.db.schema.tables_workflow import workflow, workflow_run
from jobmon_server.db.search import field_types
from jobmon_server.db.search.field_types import FieldType
from jobmon_server.db.search.query import Entity, InvalidQuery, Operator
from jobmon_server.fsm.task_instance import TASK_INSTANCE

_MANY = frozenset({Operator.EQ, Operator.IN})
_EQ = frozenset({Operator.EQ})
_EARLIEST = datetime(1001, 1, 1)  # noqa: DTZ001  # the database's instants are naive UTC
_LARGEST_ATTEMPT = 2**31 - 1
#: Each is a condition of its own, of which SQLite nests at most a thousand.
_MOST_CLUSTER_IDS = 500


@dataclass(frozen=True, slots=True)
class VirtualField:
    """A question by its name on the wire: `where` makes the condition that its answer is the value, or is among values.

    `where` gets the values and, for one of `TIMED`, the database's present instant.
    """

    kind: FieldType
    where: Callable[[Sequence[Any], Any], ColumnElement[bool]]
    joins: tuple[str, ...] = ()


def _flagged(condition: Callable[[Any], ColumnElement[bool]], *joins: str) -> VirtualField:
    def where(values: Sequence[Any], now: Any) -> ColumnElement[bool]:
        return or_(false(), *(condition(now) if value else not_(condition(now)) for value in values))

    return VirtualField(replace(field_types.FLAG, operators=_EQ), where, joins)


def _of_members(of_workflow: Select[Any], member: ColumnElement[int]) -> VirtualField:
    """Workflows that one of these members belongs to."""
    return VirtualField(
        replace(field_types.NUMBER, operators=_MANY),
        lambda values, _: workflow.c.id.in_(of_workflow.where(member.in_(values))),
    )


def _of_instance(
    deadline: Callable[[Any], ColumnElement[bool]],
) -> Callable[[Any], ColumnElement[bool]]:
    """A task is as its live instance is; it has one at most."""
    return lambda now: task.c.id.in_(select(task_instance.c.task_id).where(deadline(now)))


def _of_run(deadline: Callable[[Any], ColumnElement[bool]]) -> Callable[[Any], ColumnElement[bool]]:
    """A workflow is as its live run is."""
    return lambda now: workflow.c.id.in_(select(workflow_run.c.workflow_id).where(deadline(now)))


def _is_held(table: FromClause) -> Callable[[Any], ColumnElement[bool]]:
    return lambda now: and_(table.c.report_by.is_not(None), table.c.report_by >= now)


def _is_stale(table: FromClause) -> Callable[[Any], ColumnElement[bool]]:
    return lambda now: and_(table.c.report_by.is_not(None), table.c.report_by < now)


#: Instances found by an index of their own before anything is ordered or joined: by itself SQLite would go by id, from the
#: newest, until the page is full.
_one = task_instance.alias("one")


def _led(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return task_instance.c.id.in_(select(_one.c.id).where(condition))


#: What leads to live instances: those that wait for a distributor, and those that have a deadline.
_LIVE_INDEXES = "ix_task_instance_claim, ix_task_instance_report_by"


def lead(statuses: Collection[Any]) -> ColumnElement[bool] | None:
    """Return what leads to instances of these statuses; None if one is terminal, of which there is no index."""
    if not is_live(statuses):
        return None
    # Never by id from the newest, however few MariaDB thinks that it will have to look at.
    found = by_index(select(_one.c.id).where(_among(_one, statuses)), _one, _LIVE_INDEXES)
    return task_instance.c.id.in_(found)


def is_live(statuses: Collection[Any]) -> bool:
    """Tell whether there are statuses, and all of them of live instances."""
    return bool(statuses) and TASK_INSTANCE.live.issuperset(statuses)


def held_to_live(statement: Select[Any], statuses: Collection[Any]) -> Select[Any]:
    """Have a statement that nothing orders look at live instances alone: no second look at them is needed then."""
    return by_index(statement.where(_among(task_instance, statuses)), task_instance, _LIVE_INDEXES)


#: What a list of live instances reads: those first, then each by its id, and never all in the order of their ids.
LIVE_FIRST = StraightJoin(_one, task_instance, _one.c.id == task_instance.c.id)


def found_first(statement: Select[Any], statuses: Collection[Any]) -> Select[Any]:
    """Have a list that reads `LIVE_FIRST` find the live instances of these statuses by their indexes."""
    return by_index(statement.where(_among(_one, statuses)), _one, _LIVE_INDEXES)


def _among(table: FromClause, statuses: Collection[Any]) -> ColumnElement[bool]:
    ways = [table.c.waiting_cluster > ""] if TASK_INSTANCE.initial in statuses else []
    ways += [table.c.report_by > _EARLIEST] if set(statuses) - {TASK_INSTANCE.initial} else []
    return or_(*ways)


def _parse_attempt(value: Any) -> tuple[int, int | None]:
    """Read `task:attempt`, or `task:last`."""
    of_task, _, attempt = value.partition(":") if type(value) is str else ("", "", "")
    number = field_types.NUMBER.from_text(of_task)
    which = None if attempt == "last" else field_types.NUMBER.from_text(attempt)
    if type(number) is int and (which is None or (type(which) is int and 0 < which <= _LARGEST_ATTEMPT)):
        return field_types.NUMBER.parse(number), which
    raise InvalidQuery("must be a task and its attempt: 12:3, or 12:last")


def _is_last() -> ColumnElement[bool]:
    return task_instance.c.attempt == task.c.last_attempt


def _attempts(values: Sequence[tuple[int, int | None]], _: Any) -> ColumnElement[bool]:
    numbered = [pair for pair in values if pair[1] is not None]
    last = [of_task for of_task, attempt in values if attempt is None]
    ways = [
        tuple_(task_instance.c.task_id, task_instance.c.attempt).in_(numbered) if numbered else None,
        and_(task_instance.c.task_id.in_(last), _is_last()) if last else None,
    ]
    # The first condition is what leads to the few rows that can be meant.
    of_tasks = task_instance.c.task_id.in_([of_task for of_task, _ in values])
    return and_(of_tasks, or_(false(), *(way for way in ways if way is not None)))


def _cluster_ids(values: Sequence[str], _: Any) -> ColumnElement[bool]:
    """The cluster's id exactly, or, for the id of an array, any element of it: `123` and `123_4`."""
    column = _one.c.distributor_id
    arrays = [value for value in values if "_" not in value]
    # What begins with `123_`: up to the character that comes after the underscore.
    elements = (and_(column >= f"{value}_", column < f"{value}`") for value in arrays)
    return _led(or_(column.in_(values), *elements))


_OF_TASK = select(task.c.workflow_id)
_OF_INSTANCE = _OF_TASK.join(task_instance, task_instance.c.task_id == task.c.id)
QUESTIONS: Mapping[Entity, Mapping[str, VirtualField]] = {
    Entity.WORKFLOW: {
        "held": _flagged(_of_run(_is_held(workflow_run))),
        "stale": _flagged(_of_run(_is_stale(workflow_run))),
        "expired": _flagged(lambda _: workflow.c.expired_at.is_not(None)),
        "member_task_id": _of_members(_OF_TASK, task.c.id),
        "member_task_instance_id": _of_members(_OF_INSTANCE, task_instance.c.id),
    },
    Entity.TASK: {
        "held": _flagged(_of_instance(_is_held(task_instance))),
        "stale": _flagged(_of_instance(_is_stale(task_instance))),
    },
    Entity.TASK_INSTANCE: {
        "held": _flagged(lambda now: _led(_is_held(_one)(now))),
        "stale": _flagged(lambda now: _led(_is_stale(_one)(now))),
        "last": _flagged(lambda _: _is_last(), "task"),
        "attempts": VirtualField(FieldType("pair", _MANY, _parse_attempt), _attempts, ("task",)),
        "cluster_id": VirtualField(
            replace(field_types.TEXT, operators=_MANY, most_values=_MOST_CLUSTER_IDS), _cluster_ids
        ),
    },
}

#: What compares a deadline with the database's present instant.
TIMED = frozenset({"held", "stale"})
_INDEXES = {Entity.TASK: (task, task_attribute), Entity.WORKFLOW: (workflow, workflow_attribute)}


def has_attributes(entity: Entity) -> bool:
    """Tell whether the entity is asked for by attributes."""
    return entity in _INDEXES


def by_attribute(entity: Entity, name: str, operator: Operator, values: Sequence[Any]) -> ColumnElement[bool]:
    """Make the condition that an attribute is among the values, or is there and is not; what has none never matches."""
    table, index = _INDEXES[entity]
    owner = next(iter(index.primary_key.columns))
    digests = [attribute_digest(value) for value in values]
    is_among = index.c.digest.in_(digests)
    negated = operator in {Operator.NEQ, Operator.NOT_IN}
    found = select(owner).where(index.c.name == name, not_(is_among) if negated else is_among)
    return table.c.id.in_(found)
