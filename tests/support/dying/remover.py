"""`python -m tests.support.dying.remover URL WORKFLOW_ID STATEMENT`: a deletion, killed behind its so-manieth write."""

from __future__ import annotations

import sys
from typing import Any

from sqlalchemy import event

from jobmon_server.actions.retention.workflow_deletion import DeletionOptions, delete_workflow
from jobmon_server.db.core.transaction import Database
from tests.support.dying.server import die


def main(url: str, workflow_id: str, number: str) -> None:
    """Delete, and die on the way."""
    database = Database.connect(url)
    seen: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.split(None, 1)[0] in {"UPDATE", "DELETE"}:
            seen.append(statement)
        if len(seen) == int(number):
            die()

    event.listen(database.engine, "after_cursor_execute", count)
    delete_workflow(database, int(workflow_id), DeletionOptions(), lambda: True)
    raise SystemExit(f"it has not died: {len(seen)} writes")


if __name__ == "__main__":
    main(*sys.argv[1:])
