"""What Alembic runs: the caller's connection, all tables."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from jobmon_server.db.core.types import Exact, ExactText, FreeText, Id, Instant, Json, StatusType, Word
from jobmon_server.db.schema.columns import complete_for_making
from jobmon_server.db.schema.tables_control import metadata


def render(kind: str, item: Any, autogenerate: Any) -> str | Literal[False]:
    """Spell our column types as `db/core/types.py` does."""
    if kind != "type":
        return False
    autogenerate.imports.add("from jobmon_server.db.core import types")
    for name, value in {"Id": Id, "Instant": Instant}.items():
        if item is value:
            return f"types.{name}"
    if isinstance(item, StatusType):
        return "types.Word(1)"
    if isinstance(item, Exact | Word):
        return f"types.{type(item).__name__}({item.length})"
    if isinstance(item, ExactText | FreeText | Json):
        return f"types.{type(item).__name__}()"
    return False


complete_for_making()
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    render_item=render,
)
with context.begin_transaction():
    context.run_migrations()
