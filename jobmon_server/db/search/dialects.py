"""Comparisons that each database spells in its own way."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from jobmon_server.db.core.types import binary_collation


class exact(FunctionElement[str]):  # noqa: N801 - reads as the SQL function it is
    """Free text compared byte for byte, as identity is."""

    type = String()
    inherit_cache = True


@compiles(exact, "sqlite")
def _exact_sqlite(element: exact, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(exact, "mysql")
@compiles(exact, "mariadb")
def _exact_mariadb(element: exact, compiler: Any, **options: Any) -> str:
    return f"{compiler.process(element.clauses, **options)} COLLATE {binary_collation(compiler)}"


class name_like(FunctionElement[Any]):  # noqa: N801 - reads as the SQL function it is
    """Whether a column matches a pattern, given as GLOB and as LIKE with the escape `!`.

    Without a type: of a Boolean SQLAlchemy would ask SQLite whether it equals 1, and no index could help.
    """

    inherit_cache = True


@compiles(name_like, "sqlite")
def _like_sqlite(element: name_like, compiler: Any, **options: Any) -> str:
    column, glob, _ = element.clauses
    return f"({compiler.process(column, **options)} GLOB {compiler.process(glob, **options)})"


@compiles(name_like, "mysql")
@compiles(name_like, "mariadb")
def _like_mariadb(element: name_like, compiler: Any, **options: Any) -> str:
    column, _, like = element.clauses
    return f"({compiler.process(column, **options)} LIKE {compiler.process(like, **options)} ESCAPE '!')"


class found_in(FunctionElement[Any]):  # noqa: N801 - reads as the SQL function it is
    """Whether a regular expression, given as RE2 and as PCRE, is found in a column."""

    inherit_cache = True


@compiles(found_in, "sqlite")
def _found_sqlite(element: found_in, compiler: Any, **options: Any) -> str:
    column, re2, _ = element.clauses
    return f"({compiler.process(column, **options)} REGEXP {compiler.process(re2, **options)})"


@compiles(found_in, "mysql")
@compiles(found_in, "mariadb")
def _found_mariadb(element: found_in, compiler: Any, **options: Any) -> str:
    column, _, pcre = element.clauses
    return f"({compiler.process(column, **options)} REGEXP {compiler.process(pcre, **options)})"
