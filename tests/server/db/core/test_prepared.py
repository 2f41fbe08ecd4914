"""Statements said straight to the driver mean what they mean through SQLAlchemy: values, counts, listeners, errors."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from jobmon_client.states import TaskInstanceStatus, TaskStatus, WorkflowStatus
from jobmon_server.db.core.guarded_update import with_ids
from jobmon_server.db.core.prepared import PreparedStatement
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables import task, task_instance
from jobmon_server.db.schema.tables_workflow import workflow
from tests.server.listening import listening
from tests.support.databases import make_schema

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from tests.support.databases import MariadbSource
    from tests.support.mariadb import Mariadb
    from tests.support.path import Path

ALL = (
    select(
        task_instance.c.id,
        task_instance.c.status,
        task_instance.c.report_by,
        task_instance.c.orphan,
        task_instance.c.worker_id,
        task.c.status,
        task.c.requested_resources,
        func.json_array(task.c.name, task.c.id, type_=task.c.requested_resources.type),
    )
    .join_from(task_instance, task, task.c.id == task_instance.c.task_id)
    .where(task.c.status.in_([TaskStatus.RUNNING, TaskStatus.QUEUED]), task.c.name != bindparam("name"))
    .order_by(task_instance.c.id)
)
NOW = datetime(2026, 1, 2, 3, 4, 5, 678)  # noqa: DTZ001
NEW = {"status": WorkflowStatus.REGISTERED, "created_at": NOW, "updated_at": NOW}
NAMES = ["a", "100%s", "it's", 'say "x"', "\\", "ünï", "x\n"]


@pytest.fixture
def running(path: Path) -> Path:
    """Some tasks of awkward names, queued, one of them running."""
    path.bind(*({"name": name, "command": name, "requested_resources": {"memory": 1}} for name in NAMES))
    ids = path.start().queue()
    path.claim(ids[:1])
    path.running(ids[0])
    return path


def test_values_come_back_as_sqlalchemy_gives_them(running: Path, database: Database) -> None:
    kept = PreparedStatement(ALL)
    for name in NAMES:
        facts = {"name": name}
        expected = database.read(lambda c: c.execute(ALL, facts).all())  # noqa: B023
        assert database.read(kept.rows, facts) == expected
        assert len(expected) == len(NAMES) - 1


def test_ids_are_spelled_into_the_text(running: Path, database: Database) -> None:
    kept = PreparedStatement(
        select(task_instance.c.id).where(with_ids(task_instance)).order_by(task_instance.c.id)
    )
    ids = sorted(one for (one,) in database.read(PreparedStatement(select(task_instance.c.id)).rows, {}))
    assert database.read(kept.rows, {"ids": ids[1:3]}) == [(one,) for one in ids[1:3]]
    assert database.read(kept.rows, {"ids": []}) == []
    with pytest.raises(TypeError):
        database.read(kept.rows, {"ids": ["1) OR (1=1"]})


def test_a_write_counts_what_it_matched_even_where_it_changed_nothing(
    running: Path, database: Database
) -> None:
    statement = (
        update(task_instance)
        .where(task_instance.c.status == bindparam("was"))
        .values(nodename=bindparam("new"), heartbeat_at=bindparam("at"))
    )
    facts = {"was": TaskInstanceStatus.QUEUED, "new": "50%", "at": NOW}
    for _ in range(2):
        assert database.transact(PreparedStatement(statement).change, facts) == len(NAMES) - 1
    rows = database.read(
        lambda c: c.execute(select(task_instance.c.nodename, task_instance.c.heartbeat_at)).all()
    )
    assert rows.count(("50%", facts["at"])) == len(NAMES) - 1


def test_many_rows_are_written_at_once(database: Database) -> None:
    many = [{**NEW, "id": number + 1, "name": f"{number}%"} for number in range(3)]
    kept = PreparedStatement(insert(workflow), tuple(many[0]))
    database.transact(kept.each, many)
    names = database.read(PreparedStatement(select(workflow.c.name).order_by(workflow.c.id)).rows, {})
    assert names == [("0%",), ("1%",), ("2%",)]


def test_who_listens_hears_it(running: Path, database: Database) -> None:
    with listening(database.engine) as said:
        database.read(PreparedStatement(ALL).rows, {"name": "a"})
    (text_of, values) = said.statements[-1]
    assert "task_instance" in text_of
    assert "a" in (values.values() if isinstance(values, dict) else values)


def test_an_offence_is_sqlalchemys_error(database: Database) -> None:
    row = {**NEW, "id": 1, "name": "x"}
    kept = PreparedStatement(insert(workflow), tuple(row))
    database.transact(kept.change, row)
    with pytest.raises(IntegrityError) as caught:
        database.transact(kept.change, row)
    assert caught.value.orig is not None
    assert not caught.value.connection_invalidated
    with pytest.raises(DBAPIError):
        database.read(PreparedStatement(select(text("nothing")).select_from(workflow)).rows, {})
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


@pytest.mark.mariadb
def test_a_connection_that_is_gone_is_given_up_and_the_act_run_again(
    mariadb_source: MariadbSource, mariadb_server: Mariadb
) -> None:
    seen: list[int] = []
    lost: list[Any] = []

    def act(connection: Connection) -> int:
        number: int = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()
        seen.append(number)
        if len(seen) == 1:
            with closing(mariadb_server.connect()) as other, other.cursor() as cursor:
                cursor.execute(f"KILL CONNECTION {number}")
        try:
            return len(PreparedStatement(select(workflow.c.id)).rows(connection, {}))
        except OperationalError as error:
            lost.append(error.connection_invalidated)
            raise

    with mariadb_source.empty() as url:
        make_schema(url)
        database = Database.connect(url)
        assert database.transact(act) == 0
        database.dispose()
    assert lost == [True]
    assert len(set(seen)) == 2
