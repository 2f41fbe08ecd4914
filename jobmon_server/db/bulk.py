"""Different columns of many rows in few statements, each row guarded by its old status.

A statement of a given shape is made once for a process, and found compiled from then on: to make it anew costs several times
what running it does. Its size is rounded up to one of a few, the last row standing in for those that are missing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Table, Update, bindparam, case, update
from sqlalchemy.engine import Connection

from jobmon_server.db.transaction import LostRace

#: How many rows a statement may have. A database looks for a row's value from the first on: longer ones cost more a row.
SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
SHAPES = 1024

Member = tuple[int | None, dict[str, Any]]


def update_many(
    connection: Connection, table: Table, rows: Iterable[tuple[int | None, Any, dict[str, Any]]]
) -> None:
    """Write rows given as id, old status and new values; one without values is left alone. Raises `LostRace`."""
    groups: defaultdict[tuple[Any, tuple[str, ...]], list[Member]] = defaultdict(list)
    for row_id, was, values in rows:
        if values:
            groups[was, tuple(values)].append((row_id, values))
    for (was, columns), members in groups.items():
        for some in _pieces(members):
            _update(connection, table, was, columns, some)


def _pieces(members: Sequence[Member]) -> Iterator[Sequence[Member]]:
    for start in range(0, len(members), SIZES[-1]):
        yield members[start : start + SIZES[-1]]


def _update(
    connection: Connection, table: Table, was: Any, columns: tuple[str, ...], members: Sequence[Member]
) -> None:
    first = members[0][1]
    alike = [all(values[name] == first[name] for _, values in members) for name in columns]
    fixed = tuple(name for name, same in zip(columns, alike, strict=True) if same)
    varying = tuple(name for name, same in zip(columns, alike, strict=True) if not same)
    size = next(size for size in SIZES if size >= len(members))
    facts: dict[str, Any] = {f"new_{name}": first[name] for name in fixed}
    facts["was"] = was
    padded = [*members, *[members[-1]] * (size - len(members))]
    for place, (row_id, values) in enumerate(padded):
        facts[f"id_{place}"] = row_id
        for name in varying:
            facts[f"{name}_{place}"] = values[name]
    if connection.execute(_statement(table, fixed, varying, size), facts).rowcount != len(members):
        raise LostRace


@lru_cache(maxsize=SHAPES)
def _statement(table: Table, fixed: tuple[str, ...], varying: tuple[str, ...], size: int) -> Update:
    """Make the statement of a shape: what all rows get alike, and what each gets of its own, by its id."""
    ids = [bindparam(f"id_{place}", type_=table.c.id.type) for place in range(size)]
    new: dict[str, Any] = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in fixed}
    for name in varying:
        column = table.c[name]
        its_own = [
            (table.c.id == row_id, bindparam(f"{name}_{place}", type_=column.type))
            for place, row_id in enumerate(ids)
        ]
        new[name] = case(*its_own, else_=column)
    old = bindparam("was", type_=table.c.status.type)
    return update(table).where(table.c.id.in_(ids), table.c.status == old).values(new)
