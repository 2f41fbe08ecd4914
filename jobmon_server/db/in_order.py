"""A join that is carried out from left to right, whatever the planner thinks of the sizes of the tables."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Join
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler


class InOrder(Join):
    """An inner join that reads its left side first, and the right one by what it found there.

    MariaDB has an operator for it, and SQLite takes CROSS JOIN as such (https://sqlite.org/optoverview.html,
    "manual control of query plans using CROSS JOIN").
    """

    inherit_cache = True
    __visit_name__ = "in_order"


@compiles(InOrder)
def _spell(join: InOrder, compiler: SQLCompiler, **kwargs: Any) -> str:
    operator = "CROSS JOIN" if compiler.dialect.name == "sqlite" else "STRAIGHT_JOIN"
    passed = {**kwargs, "asfrom": True}
    left, right = (compiler.process(side, **passed) for side in (join.left, join.right))
    on = "" if join.onclause is None else f" ON {compiler.process(join.onclause, **kwargs)}"
    return f"{left} {operator} {right}{on}"
