"""Every statement in the log, for who looks for a fault: with its parameters, without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy import event
from sqlalchemy.engine import Engine

from jobmon_server.redaction import redacted

#: Of longer texts the beginning is shown, of many rows the first.
LONGEST_TEXT = 200
MOST_ROWS = 3

log = structlog.get_logger(__name__)


def listen(engine: Engine) -> None:
    """Log the statements of this engine, before each is sent."""
    event.listen(engine, "before_cursor_execute", _log)


def _log(_connection: Any, _cursor: Any, statement: str, parameters: Any, *context: Any) -> None:
    _, is_many = context
    some = list(parameters)[:MOST_ROWS] if is_many else parameters
    rows = len(parameters) if is_many else 1
    log.info("sql", statement=shown(statement, len(statement)), parameters=shown(some), rows=rows)


def shown(value: Any, longest: int = LONGEST_TEXT) -> Any:
    """Return a parameter, or all of them, as they may be read by whoever reads the log."""
    if isinstance(value, str):
        value = redacted(value)
        return value if len(value) <= longest else f"{value[:longest]}… [{len(value)} characters]"
    if isinstance(value, Mapping):
        return {name: shown(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [shown(one) for one in value]
    return value
