"""An index over the JSON attributes of tasks and workflows: which of them have an attribute of this name and value."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import Table, insert
from sqlalchemy.engine import Connection

from jobmon_server.db.core.types import canonical_json
from jobmon_server.db.schema.columns import NAME_LENGTH

#: Rows of one statement.
_ROWS = 1000


def attribute_digest(value: Any) -> str:
    """Return what stands for a value in the index; a string that spells a number, say, and the number are one."""
    text = value if isinstance(value, str) else canonical_json(value)
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def is_indexed(name: str) -> bool:
    """Tell whether attributes of this name can be asked for; any other is kept and shown all the same."""
    is_text = "\x00" not in name and not any("\ud800" <= letter <= "\udfff" for letter in name)
    return is_text and 0 < len(name) <= NAME_LENGTH


def index_attributes(
    connection: Connection, index: Table, given: Iterable[tuple[int, Mapping[str, Any] | None]]
) -> None:
    """Enter the attributes of rows, pairs of id and object, in `task_attribute` or `workflow_attribute`.

    Nothing of these names may stand there yet for these rows.
    """
    owner = next(iter(index.primary_key.columns)).name
    rows = (
        {owner: row_id, "name": name, "digest": attribute_digest(value)}
        for row_id, attributes in given
        for name, value in (attributes or {}).items()
        if is_indexed(name)
    )
    while some := list(islice(rows, _ROWS)):
        connection.execute(insert(index), some)
