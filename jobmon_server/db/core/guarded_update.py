"""Different columns of many rows in few statements, each row guarded by its old status.

A statement of a given shape is made once for a process, and found compiled from then on: to make it anew costs several times
what running it does. Its size is rounded up to one of a few, the last row standing in for those that are missing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Table, bindparam, case, update
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.types import UserDefinedType

from jobmon_server.db.core.prepared import PreparedStatement
from jobmon_server.db.core.transaction import LostRace

#: How many rows a statement may have.
SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
SHAPES = 1024
#: From how many ids on they are spelled into the text of a statement, which must then be gone through each time.
SPELLED = 17

Member = tuple[int | None, dict[str, Any]]


def status_values(status: Any, now: Any) -> dict[str, Any]:
    """Return what every write of a status of a task or a workflow writes: the status, and when it changed."""
    return {"status": status, "status_at": now, "updated_at": now}


class _Ids(UserDefinedType[Sequence[int]]):
    """A list of ids, spelled as a whole: SQLAlchemy's own way, one by one, takes three times as long."""

    cache_ok = True

    def literal_processor(self, dialect: Dialect) -> Callable[[Sequence[int]], str]:
        """Spell whole numbers and nothing else; no ids are none that there is."""
        return lambda ids: f"({','.join(map(int.__repr__, ids)) or 'NULL'})"


def with_ids(table: Table) -> ColumnElement[bool]:
    """Name rows by the parameter `ids`, a list spelled into the text: as many parameters cost the driver far more."""
    return among_ids(table.c.id)


def among_ids(column: ColumnElement[int]) -> ColumnElement[bool]:
    """Name rows by another column of ids, by the same parameter."""
    return column.op("IN", is_comparison=True)(bindparam("ids", type_=_Ids(), literal_execute=True))


def update_many(
    connection: Connection, table: Table, rows: Iterable[tuple[int | None, Any, dict[str, Any]]]
) -> None:
    """Write rows given as id, old status and new values; one without values is left alone. Raises `LostRace`."""
    groups: defaultdict[tuple[Any, tuple[str, ...]], list[Member]] = defaultdict(list)
    for row_id, was, values in rows:
        if values:
            groups[was, tuple(values)].append((row_id, values))
    for (was, columns), members in groups.items():
        # What was decided alike has one and the same dictionary.
        several = list({id(values): values for _, values in members}.values())
        first = several[0]
        varying = tuple(name for name in columns if not _alike([values[name] for values in several]))
        fixed = {"was": was, **{f"new_{name}": first[name] for name in columns if name not in varying}}
        if varying or len(members) < SPELLED:
            members.sort(key=itemgetter(0))
            for some in _pieces(members):
                _update_each(connection, table, fixed, columns, varying, some)
        else:
            ids = [row_id for row_id, _ in members]
            _execute(connection, _statement(table, columns), {**fixed, "ids": ids}, len(ids))


def _alike(values: Sequence[Any]) -> bool:
    return values.count(values[0]) == len(values)


def _pieces(members: Sequence[Member]) -> Iterator[Sequence[Member]]:
    for start in range(0, len(members), SIZES[-1]):
        yield members[start : start + SIZES[-1]]


def _update_each(
    connection: Connection,
    table: Table,
    fixed: dict[str, Any],
    columns: tuple[str, ...],
    varying: tuple[str, ...],
    members: Sequence[Member],
) -> None:
    """Write some rows, by id, of which each gets values of its own."""
    size = next(size for size in SIZES if size >= len(members))
    facts = dict(fixed)
    padded = [*members, *[members[-1]] * (size - len(members))]
    for place, (row_id, values) in enumerate(padded):
        facts[f"id_{place}"] = row_id
        for name in varying:
            facts[f"{name}_{place}"] = values[name]
    _execute(connection, _statement(table, columns, varying, size), facts, len(members))


def _execute(
    connection: Connection, statement: PreparedStatement, facts: dict[str, Any], number: int
) -> None:
    if statement.change(connection, facts) != number:
        raise LostRace


def _by_id(
    row_id: ColumnElement[int], ids: Sequence[ColumnElement[int]], values: Sequence[ColumnElement[Any]]
) -> ColumnElement[Any]:
    """Return the value of a row that has one of these ids, which rise: found by halves, not from the first on."""
    if len(ids) == 1:
        return values[0]
    half = len(ids) // 2
    lower = _by_id(row_id, ids[:half], values[:half])
    return case((row_id < ids[half], lower), else_=_by_id(row_id, ids[half:], values[half:]))


@lru_cache(maxsize=SHAPES)
def _statement(
    table: Table, columns: tuple[str, ...], varying: tuple[str, ...] = (), size: int = 0
) -> PreparedStatement:
    """Make the statement of a shape: what all rows get alike, and what each of so many gets of its own, by its id."""
    ids = [bindparam(f"id_{place}", type_=table.c.id.type) for place in range(size)]
    new: dict[str, Any] = {}
    for name in columns:
        kind = table.c[name].type
        its_own = [bindparam(f"{name}_{place}", type_=kind) for place in range(size)]
        new[name] = (
            _by_id(table.c.id, ids, its_own) if name in varying else bindparam(f"new_{name}", type_=kind)
        )
    old = bindparam("was", type_=table.c.status.type)
    which = table.c.id.in_(ids) if ids else with_ids(table)
    return PreparedStatement(update(table).where(which, table.c.status == old).values(new))
