"""The limit: PyMySQL moving the same two rows with the same columns, without HTTP, without rules, without a journal.

`locked` is one transaction of SELECT … FOR UPDATE, two guarded UPDATEs and COMMIT; `guarded` leaves the SELECT out; `hundred` moves
100 pairs by two statements a transaction. One process a connection.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Barrier
from typing import Any, TypeAlias

import pymysql
from pymysql.cursors import Cursor
from sqlalchemy.engine import make_url

from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus as T
from jobmon_server.bench.load import Load, together
from jobmon_server.bench.requests import HOLDER, INCREMENT

#: The columns are those that a report of ours writes.
SET_RUNNING = (
    f"UPDATE task_instance SET status = '{TI.RUNNING.code}', status_by = 'worker', status_at = UTC_TIMESTAMP(6),"
    " updated_at = UTC_TIMESTAMP(6), started_at = UTC_TIMESTAMP(6), nodename = 'node-1', process_group_id = 4711,"
    f" worker_id = '{HOLDER}', next_report_increment = {INCREMENT},"
    f" report_by = UTC_TIMESTAMP(6) + INTERVAL {INCREMENT} SECOND WHERE WHICH AND status = '{TI.LAUNCHED.code}'"
)
SET_DONE = (
    f"UPDATE task_instance SET status = '{TI.DONE.code}', status_by = 'worker', status_at = UTC_TIMESTAMP(6),"
    " updated_at = UTC_TIMESTAMP(6), finished_at = UTC_TIMESTAMP(6), stdout_log = '', stderr_log = '', report_by = NULL"
    f" WHERE WHICH AND status = '{TI.RUNNING.code}'"
)
SET_TASK = "UPDATE task SET status = '{to}', updated_at = UTC_TIMESTAMP(6) WHERE WHICH AND status = '{was}'"
STEPS = (
    ("running", SET_RUNNING, SET_TASK.format(to=T.RUNNING.code, was=T.LAUNCHED.code)),
    ("done", SET_DONE, SET_TASK.format(to=T.DONE.code, was=T.RUNNING.code)),
)
LOCK = "SELECT status, worker_id, report_by FROM task_instance WHERE WHICH FOR UPDATE"
ONE = "id = %s"
PASSED = ("unix_socket", "ssl_ca", "ssl_cert", "ssl_key")
"""What of a URL's options says how the database is reached."""

Connection: TypeAlias = "pymysql.Connection[Cursor]"


@dataclass(frozen=True, slots=True)
class WritePattern:
    """One way to move rows: how many in a transaction, and whether they are locked first."""

    size: int = 1
    is_locked: bool = False

    def move(self, connection: Connection, ids: Sequence[int], load: Load) -> None:
        """Move these from LAUNCHED over RUNNING to DONE, in two transactions."""
        which = ONE if len(ids) == 1 else f"id IN ({','.join(['%s'] * len(ids))})"
        for kind, instances, tasks in STEPS:
            began = time.perf_counter()
            with connection.cursor() as cursor:
                if self.is_locked:
                    cursor.execute(LOCK.replace("WHICH", which), ids)
                moved = cursor.execute(instances.replace("WHICH", which), ids)
                cursor.execute(tasks.replace("WHICH", which), ids)
            connection.commit()
            load.latencies.setdefault(kind, []).append(time.perf_counter() - began)
            load.requests += moved
            load.errors += len(ids) - moved


LOCKED = WritePattern(is_locked=True)
GUARDED = WritePattern()
HUNDRED = WritePattern(size=100)


def connect(url: str) -> Connection:
    """Open a connection of the driver that commits nothing by itself."""
    parts = make_url(url)
    given: dict[str, Any] = {name: value for name, value in parts.query.items() if name in PASSED}
    return pymysql.connect(
        host=parts.host or "127.0.0.1",
        port=parts.port or 3306,
        user=parts.username or "root",
        password=parts.password or "",
        database=str(parts.database),
        autocommit=False,
        **given,
    )


def _child(
    url: str,
    way: WritePattern,
    ids: Sequence[int],
    seconds: float,
    start: Barrier,
    answer: Pipe,
) -> None:
    connection = connect(url)
    load = Load(latencies={})
    start.wait(60)
    load.began = time.monotonic()
    cpu = time.process_time()
    for at in range(0, len(ids), way.size):
        if time.monotonic() - load.began >= seconds:
            break
        way.move(connection, list(ids[at : at + way.size]), load)
    else:
        load.ran_dry = True
    load.ended = time.monotonic()
    load.driver_cpu = time.process_time() - cpu
    connection.close()
    answer.send(load)
    answer.close()


def move(url: str, way: WritePattern, ids: Sequence[int], connections: int, seconds: float) -> Load:
    """Move as many of these instances, LAUNCHED all of them, as can be moved in that time."""
    share = len(ids) // connections
    pieces = [ids[number * share : (number + 1) * share] for number in range(connections)]
    return together(_child, [(url, way, mine, seconds) for mine in pieces])
