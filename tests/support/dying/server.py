"""`python -m tests.support.dying.server URL TASK_INSTANCE_ID POINT`: the server's code, killed while it writes a DONE.

The point is the number of a statement, after which it dies, or `commit`, which the database has answered then.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from sqlalchemy import event

from jobmon_server.app import create_app
from jobmon_server.db.core.transaction import Database

DONE = {
    "worker_id": "worker-1",
    "stdout": "/logs/out",
    "stdout_log": "all is well",
    "usage": {"wall_seconds": 1.5},
    "result": {"answer": 42},
}


def die(*_: object) -> None:
    """As if somebody had sent SIGKILL right here."""
    os.kill(os.getpid(), signal.SIGKILL)


def main(url: str, task_instance_id: str, point: str) -> None:
    """Report DONE, and die on the way."""
    database = Database.connect(url)
    client = create_app(database).test_client()
    client.get("/api/v1/ready")  # what a server asks once is asked now, and not counted
    seen: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.split(None, 1)[0] in {"SELECT", "INSERT", "UPDATE"}:
            seen.append(statement)
        if str(len(seen)) == point:
            die()

    event.listen(database.engine, "after_cursor_execute", count)
    if point == "commit":
        commit = database.engine.dialect.do_commit

        def committed(connection: Any) -> None:
            commit(connection)
            die()

        database.engine.dialect.do_commit = committed  # type: ignore[method-assign, assignment]
    client.post(f"/api/v1/task_instance/{task_instance_id}/log_done", json=DONE)
    raise SystemExit(f"it has not died: {seen}")


if __name__ == "__main__":
    main(*sys.argv[1:])
