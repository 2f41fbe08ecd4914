"""Ids and creation times: given once, by the database, never again."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from jobmon_server.db.core import clock
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables import task, task_instance
from jobmon_server.db.schema.tables_records import error_log, journal
from jobmon_server.db.schema.tables_workflow import workflow
from tests.support.path import Path
from tests.support.path import task as a_task
from tests.support.waiting import eventually

THREADS = 8
BINDS = 100
TASKS = 12_500


def rows_of(database: Database, table: Any) -> list[dict[str, Any]]:
    """All rows of a table, by id."""
    statement = select(table).order_by(table.c.id)
    return database.read(lambda connection: [dict(row) for row in connection.execute(statement).mappings()])


def stored(row: dict[str, Any]) -> dict[str, Any]:
    """What of an instance is given, not generated."""
    return {name: value for name, value in row.items() if not task_instance.c[name].computed}


def test_an_instance_of_an_id_that_there_is_is_refused(path: Path, database: Database) -> None:
    path.bind(a_task("a")).start().queue()
    (row,) = rows_of(database, task_instance)
    twin = {**stored(row), "attempt": 2, "array_step_id": 7}
    with pytest.raises(IntegrityError):
        database.transact(lambda connection: connection.execute(insert(task_instance), [twin]).close())
    assert rows_of(database, task_instance) == [row]


@pytest.mark.parametrize("table", [task_instance, workflow], ids=lambda table: str(table.name))
def test_the_id_of_what_was_deleted_is_not_given_again(path: Path, database: Database, table: Any) -> None:
    path.bind(a_task("a"), a_task("b")).start().queue()
    last = rows_of(database, table)[-1]

    def forget(connection: Any) -> None:
        for child in (journal, error_log, task_instance, task)[: 3 if table is task_instance else 4]:
            connection.execute(delete(child))
        connection.execute(delete(table))

    database.transact(forget)
    assert rows_of(database, table) == []
    again = {name: value for name, value in last.items() if name not in {"id", "last_run_id"}}
    if table is task_instance:
        again = {name: value for name, value in stored(last).items() if name != "id"}
    database.transact(lambda connection: connection.execute(insert(table), [again]).close())
    (new,) = rows_of(database, table)
    assert new["id"] > last["id"]


def test_the_time_of_creation_is_the_databases_to_the_microsecond_and_stays(
    path: Path, database: Database
) -> None:
    before = database.read(clock.read_clock)
    ids = [path.bind(a_task("a")).workflow_id for _ in range(10)]
    after = database.read(clock.read_clock)
    created = [row["created_at"] for row in rows_of(database, workflow)]
    assert created == sorted(created)
    assert before <= created[0] <= created[-1] <= after
    assert any(one.microsecond % 1000 for one in created)
    told = path.get(f"/workflow/{ids[-1]}")["created_at"]
    assert datetime.fromisoformat(told).replace(tzinfo=None) == created[-1]
    assert told.endswith("Z")
    path.start().queue()
    path.act("stop")
    assert rows_of(database, workflow)[-1]["created_at"] == created[-1]


def together(app: Flask, work: Any) -> list[Any]:
    """Do it in many threads that start at once; all that they found."""
    barrier = threading.Barrier(THREADS)
    found: list[Any] = []

    def run(number: int) -> None:
        path = Path(app.test_client())
        barrier.wait(30)
        found.extend(work(path, number))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_workflows_that_are_bound_at_once_without_a_name_for_the_request_have_ids_of_their_own(
    app: Flask,
) -> None:
    found = together(app, lambda path, _: [path.bind().workflow_id for _ in range(BINDS)])
    assert len(found) == len(set(found)) == THREADS * BINDS


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_hundred_thousand_ids_that_are_given_at_once_do_not_collide(app: Flask) -> None:
    def bind(path: Path, number: int) -> list[int]:
        tasks = [{"name": f"{number}-{step}", "command": "true"} for step in range(TASKS)]
        # SQLite has one writer: on a slow machine somebody waits too long, is told that it is busy, and asks again.
        bound = eventually(lambda: path.bind(*tasks), 240, every=1, what="the tasks are bound")
        return list(bound.task_ids.values())

    found = together(app, bind)
    assert len(found) == len(set(found)) == THREADS * TASKS == 100_000
