"""What a call says to the database: every statement with its parameters, and every commit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

#: How long MariaDB may take for a statement, said in front of it.
_LIMIT = re.compile(r"^/\*M!.*?\*/ *")


@dataclass
class Said:
    """Statements in order, and how many transactions were committed."""

    statements: list[tuple[str, Any]] = field(default_factory=list)
    commits: int = 0

    @property
    def verbs(self) -> list[str]:
        """The first word of each statement, BEGIN left out."""
        return [verb for text, _ in self.statements if (verb := text.split()[0]) != "BEGIN"]


@contextmanager
def listening(engine: Engine) -> Iterator[Said]:
    """Hear what is said until the block ends."""
    said = Said()

    def execute(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        said.statements.append((_LIMIT.sub("", statement), parameters))

    def commit(connection: Any) -> None:
        said.commits += 1

    event.listen(engine, "before_cursor_execute", execute)
    event.listen(engine, "commit", commit)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", execute)
        event.remove(engine, "commit", commit)
