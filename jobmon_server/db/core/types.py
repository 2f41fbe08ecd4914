"""Column types: exact text, free text, JSON documents and statuses, spelled per dialect."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Integer, String, Text, TypeDecorator
from sqlalchemy.engine import CursorResult, Dialect
from sqlalchemy.ext.compiler import compiles

from jobmon_client.states import Status
from jobmon_server.errors import CorruptRow

#: 64-bit ids; SQLite numbers rows by itself only in a column of exactly this type.
Id = BigInteger().with_variant(Integer(), "sqlite")


class Microseconds(DateTime):
    """A time as exact as the clock that makes it."""


Instant = Microseconds()


class Exact(String):
    """Identity: compared byte for byte, trailing spaces and letter case included."""


class ExactText(Text):
    """A command: stored and given back byte for byte, up to 16 MiB."""


class FreeText(Text):
    """What people and programs wrote: any Unicode, up to 16 MiB."""


class Word(String):
    """A word or letter of our own vocabulary: ASCII, exact."""


def binary_collation(compiler: Any) -> str:
    """Return the collation that tells apart whatever bytes tell apart."""
    return "utf8mb4_nopad_bin" if compiler.dialect.is_mariadb else "utf8mb4_0900_bin"


# Spelled here, and not taken from SQLAlchemy's dialect: a server loads the dialect of its own database alone.
@compiles(Microseconds, "mysql", "mariadb")
def _microseconds(element: Microseconds, compiler: Any, **options: Any) -> str:
    return "DATETIME(6)"


@compiles(Exact, "mysql", "mariadb")
def _exact(element: Exact, compiler: Any, **options: Any) -> str:
    return f"VARCHAR({element.length}) CHARACTER SET utf8mb4 COLLATE {binary_collation(compiler)}"


@compiles(ExactText, "mysql", "mariadb")
def _exact_text(element: ExactText, compiler: Any, **options: Any) -> str:
    return f"MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE {binary_collation(compiler)}"


@compiles(FreeText, "mysql", "mariadb")
def _free_text(element: FreeText, compiler: Any, **options: Any) -> str:
    return "MEDIUMTEXT CHARACTER SET utf8mb4"


@compiles(Word, "mysql", "mariadb")
def _word(element: Word, compiler: Any, **options: Any) -> str:
    return f"VARCHAR({element.length}) CHARACTER SET ascii COLLATE ascii_bin"


class Json(TypeDecorator[Any]):
    """A JSON document as text with sorted keys, so that equal documents are equal text."""

    impl = FreeText
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Write the document; ASCII only, so that any string survives any character set."""
        return None if value is None else canonical_json(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Any:
        """Read the document."""
        return None if value is None else json.loads(value)


def canonical_json(value: Any) -> str:
    """Return the one spelling of a JSON document that identity and grouping compare."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


class StatusType(TypeDecorator[Any]):
    """A status: the member in Python, its letter in the database; a letter that is none is a corrupt row."""

    impl = Word
    cache_ok = True

    def __init__(self, statuses: type[Status]) -> None:
        """Make the type for one vocabulary."""
        super().__init__(1)
        self.statuses = statuses
        self._by_code = {member.code: member for member in statuses}

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Give the letter of a member; a bare word or letter is refused, so that no list is typed by hand."""
        if value is None:
            return None
        if not isinstance(value, self.statuses):
            raise TypeError(f"{value!r} is no {self.statuses.__name__}")
        return value.code

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Any:
        """Give the member of a letter; raise CorruptRow for any other."""
        return None if value is None else self.member(value)

    def member(self, value: str) -> Status:
        """Return the member whose letter it is; raise CorruptRow where there is none."""
        try:
            return self._by_code[value]
        except KeyError:
            raise CorruptRow(self.statuses.__name__, "status", value) from None


def status_column(statuses: type[Status], name: str = "status", *, nullable: bool = False) -> Column[Any]:
    """Make a status column."""
    return Column(name, StatusType(statuses), nullable=nullable)


def one_of(column: str, members: Any) -> str:
    """Spell `column IN (…)` for a CHECK from the vocabulary or a derived set of it."""
    letters = ", ".join(f"'{member.code}'" for member in sorted(members, key=lambda member: member.code))
    return f"{column} IN ({letters})"


def status_check(table: str, statuses: type[Status], column: str = "status") -> CheckConstraint:
    """Make the CHECK that bounds a status column to its vocabulary."""
    return CheckConstraint(one_of(column, statuses), name=f"{table}_{column}")


def inserted_id(result: CursorResult[Any]) -> int:
    """Return the id that the database gave to the one row just inserted."""
    key = result.inserted_primary_key
    if key is None:
        raise ValueError("one row at a time has an id to tell")
    return int(key[0])
