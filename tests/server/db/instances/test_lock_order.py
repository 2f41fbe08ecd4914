"""What the lock order of docs/adr/0003 rests on, asked of MariaDB itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pymysql
import pytest
from sqlalchemy.engine import Connection

from jobmon_server.app import create_app
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.instances import locking
from jobmon_server.db.workflows import workflow_locks
from tests.support.databases import MariadbSource
from tests.support.mariadb import Mariadb
from tests.support.path import Path, task
from tests.support.waiting import eventually

pytestmark = pytest.mark.race

LOCKED = 1205


def is_locked(server: Mariadb, database: str, table: str, row_id: int) -> bool:
    """Whether another connection has the row."""
    statement = f"SELECT id FROM {table} WHERE id = %s FOR UPDATE NOWAIT"  # noqa: S608 - a name of ours
    with closing(server.connect(database)) as connection, connection.cursor() as cursor:
        try:
            cursor.execute(statement, [row_id])
        except pymysql.OperationalError as error:
            if error.args[0] == LOCKED:
                return True
            raise
    return False


@pytest.mark.mariadb
def test_the_last_run_is_locked_without_its_workflow(
    mariadb_source: MariadbSource, mariadb_server: Mariadb
) -> None:
    with mariadb_source.with_schema() as url:
        database = Database.connect(url)
        path = Path(create_app(database).test_client()).bind(task("a")).start()
        name = url.rsplit("/", 1)[1]

        def look() -> tuple[bool, bool]:
            return (
                is_locked(mariadb_server, name, "workflow_run", path.run_id),
                is_locked(mariadb_server, name, "workflow", path.workflow_id),
            )

        def lock_the_run_alone(connection: Connection) -> tuple[bool, bool]:
            workflow_locks.lock_last_run(connection, path.workflow_id)
            return look()

        def lock_both(connection: Connection) -> tuple[bool, bool]:
            workflow_locks.lock_workflow(connection, path.workflow_id)
            return look()

        assert database.transact(lock_the_run_alone) == (True, False)
        assert database.transact(lock_both) == (True, True)
        database.dispose()


@pytest.mark.mariadb
@pytest.mark.parametrize("assignment", [False, True])
def test_instances_of_a_batch_are_taken_by_id(
    mariadb_source: MariadbSource, mariadb_server: Mariadb, *, assignment: bool
) -> None:
    with mariadb_source.with_schema() as url, ThreadPoolExecutor(1) as thread:
        database = Database.connect(url)
        path = Path(create_app(database).test_client()).bind(*map(task, "abcde")).start()
        first, _, held, _, last = ids = sorted(path.queue())
        name = url.rsplit("/", 1)[1]
        with closing(mariadb_server.connect(name)) as connection, connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT id FROM task_instance WHERE id = %s FOR UPDATE", [held])
            given = [last, held, first, *ids]
            taking = thread.submit(
                database.transact, lambda c: locking.lock_many(c, given, assignment=assignment)
            )
            eventually(
                lambda: is_locked(mariadb_server, name, "task_instance", first), 4, what="it has begun"
            )
            assert not is_locked(mariadb_server, name, "task_instance", last)
            connection.rollback()
        assert sorted(taking.result().pairs) == ids
        database.dispose()
