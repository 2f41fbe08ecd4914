"""What is not left to the planner: which index a statement reads by, and in which order a join is carried out."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Join, Select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler


def by_index(statement: Select[Any], table: Any, index: str = "PRIMARY") -> Select[Any]:
    """Hold a locking statement to one index.

    Read by another index, or by none, the rows would be locked in another order, and rows that nobody asked for.
    """
    for dialect in ("mysql", "mariadb"):
        statement = statement.with_hint(table, f"FORCE INDEX ({index})", dialect)
    return statement


class StraightJoin(Join):
    """An inner join that reads its left side first, and the right one by what it found there.

    MariaDB has an operator for it, and SQLite takes CROSS JOIN as such (https://sqlite.org/optoverview.html,
    "manual control of query plans using CROSS JOIN").
    """

    inherit_cache = True
    __visit_name__ = "in_order"


@compiles(StraightJoin)
def _spell(join: StraightJoin, compiler: SQLCompiler, **kwargs: Any) -> str:
    operator = "CROSS JOIN" if compiler.dialect.name == "sqlite" else "STRAIGHT_JOIN"
    passed = {**kwargs, "asfrom": True}
    left, right = (compiler.process(side, **passed) for side in (join.left, join.right))
    on = "" if join.onclause is None else f" ON {compiler.process(join.onclause, **kwargs)}"
    return f"{left} {operator} {right}{on}"
