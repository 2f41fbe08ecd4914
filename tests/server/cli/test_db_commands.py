"""`jobmon-server db …`: what looks after the database, and what is refused unless it is meant."""

from __future__ import annotations

import json
from pathlib import Path as File
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from jobmon_server.cli import main
from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema import indexes, lifecycle, views
from jobmon_server.errors import ConfigurationError
from jobmon_server.settings.extra_index import ExtraIndex, extra_indexes
from tests.server.actions.retention.test_deleting import ended, rows
from tests.server.actions.retention.test_keeping import make_older
from tests.server.db.schema.test_query_plans import plan
from tests.server.listening import listening
from tests.support.path import Path, task


@pytest.fixture
def path(client: FlaskClient) -> Path:
    return Path(client)


class Db:
    """`jobmon-server db …` on the database of the test."""

    def __init__(self, url: str, home: File) -> None:
        self.url = url
        self.settings = home / "server.toml"
        self.settings.write_text(f'data_dir = "{home}"\n')

    def __call__(self, *arguments: str) -> Result:
        command = ["db", *arguments, "--database-url", self.url]
        return CliRunner().invoke(main, command, env={"JOBMON_SERVER_CONFIG_FILE": str(self.settings)})

    def set(self, line: str) -> None:
        with self.settings.open("a") as file:
            file.write(line + "\n")


@pytest.fixture
def db(database_url: str, tmp_path: File) -> Db:
    return Db(database_url, tmp_path)


def test_expire_flags_and_says_what(db: Db, path: Path, database: Database) -> None:
    old, new = ended(path), ended(path)
    make_older(database, 3700)
    told = json.loads(db("expire", "--json").output)
    assert (told["flagged"], told["kept"], told["purged"]) == ([old], [new], [])
    assert db("expire").output == "flagged 0, kept 1, held 0, purged 0, removed 0, failed 0\n"


def test_expire_purges_only_when_it_is_asked_to(
    db: Db, path: Path, database: Database, tmp_path: File
) -> None:
    old, _ = ended(path), ended(path)
    make_older(database, 3700)
    db("expire")
    make_older(database, 31 * 86_400)
    assert json.loads(db("expire", "--json").output)["purged"] == []
    assert "purge_after is 0" in db("expire", "--purge").output
    db.set(f'archive_dir = "{tmp_path}"\npurge_after = 2592000')
    assert json.loads(db("expire", "--purge", "--json").output)["removed"] == [old]
    assert (tmp_path / f"workflow-{old}.ndjson.gz").exists()


def test_expire_ends_with_1_where_one_failed(db: Db, path: Path, database: Database, tmp_path: File) -> None:
    old, _ = ended(path), ended(path)
    make_older(database, 3700)
    db("expire")
    make_older(database, 31 * 86_400)
    (tmp_path / f"workflow-{old}.ndjson.gz").write_text("mine")
    db.set(f'archive_dir = "{tmp_path}"\npurge_after = 2592000')
    ended_with = db("expire", "--purge")
    assert ended_with.exit_code == 1
    assert f"workflow {old}: " in ended_with.output
    assert path.get(f"/workflow/{old}")["tasks"] == {"DONE": 2}


def test_archive_writes_a_file_and_deletes_nothing(
    db: Db, path: Path, database: Database, tmp_path: File
) -> None:
    one = ended(path)
    before = database.read(rows)
    file = tmp_path / "one.gz"
    assert db("archive", str(one), "--to", str(file)).output == f"{file}: written\n"
    assert "already" in db("archive", str(one), "--to", str(file)).output
    assert database.read(rows) == before
    assert db("archive", "4711", "--to", str(file)).exit_code == 1


def test_optimize_packs_the_tables(db: Db, path: Path, database: Database) -> None:
    one = ended(path)
    said = db("optimize")
    assert said.exit_code == 0, said.output
    is_sqlite = database.engine.dialect.name == "sqlite"
    assert "VACUUM" in said.output if is_sqlite else "OPTIMIZE TABLE journal" in said.output
    assert path.get(f"/workflow/{one}")["tasks"] == {"DONE": 2}
    assert database.read(check) == []


def test_optimize_is_refused_while_many_live_unless_forced(db: Db, path: Path) -> None:
    path.bind(task("a"), task("b")).start()
    path.queue()
    refused = db("optimize", "--max-live", "1")
    assert (refused.exit_code, "2 instances live" in refused.output) == (3, True)
    assert db("optimize", "--max-live", "2").exit_code == 0
    assert db("optimize", "--max-live", "1", "--force").exit_code == 0


def test_reset_deletes_every_row_and_only_when_it_is_meant(db: Db, path: Path, database: Database) -> None:
    ended(path)
    path.post("/queue", cluster="c", queue="q", maximum={"cores": 1})
    before = database.read(rows)
    unmeant = db("reset")
    assert (unmeant.exit_code, database.read(rows)) == (3, before)
    done = db("reset", "--yes")
    assert (done.exit_code, database.read(rows)) == (0, {})
    assert "task: 2 deleted" in done.output
    assert path.get("/queue")["queues"] == []
    path.bind(task("a"))
    assert path.workflow_id > 1


def test_reset_is_refused_above_its_limit(db: Db, path: Path, database: Database) -> None:
    for _ in range(26):
        path.bind()
    refused = db("reset", "--yes")
    assert (refused.exit_code, "26 workflows" in refused.output) == (3, True)
    assert db("reset", "--yes", "--max-limit", "0").exit_code == 3
    assert database.read(rows) == {"workflow": 26}
    assert db("reset", "--yes", "--max-limit", "26").exit_code == 0
    assert database.read(rows) == {}


def test_reset_is_refused_while_something_lives_unless_forced(db: Db, path: Path, database: Database) -> None:
    path.bind(task("a")).start()
    path.run_one()
    before = database.read(rows)
    assert (db("reset", "--yes").exit_code, database.read(rows)) == (3, before)
    assert (db("reset", "--yes", "--force").exit_code, database.read(rows)) == (0, {})


def listed(db: Db, *arguments: str) -> dict[str, Any]:
    return {one["name"]: one for one in json.loads(db("indexes", "--json", *arguments).output)}


def test_upgrade_makes_every_index(empty_database_url: str, tmp_path: File) -> None:
    db = Db(empty_database_url, tmp_path)
    assert db("upgrade").exit_code == 0
    states = {one["state"] for one in listed(db).values()}
    assert "present" in states
    assert states <= {"present", "other"}


def test_a_missing_index_is_found_and_made(db: Db, database: Database) -> None:
    known = database.read(indexes.known, ())
    claim = next(one for one in known if one.name == "ix_task_instance_claim")
    on = "" if database.engine.dialect.name == "sqlite" else " ON task_instance"
    database.transact(lambda connection: connection.exec_driver_sql(f"DROP INDEX {claim.name}{on}").close())
    assert listed(db, "--table", "journal").keys() >= {"ix_journal_task_instance_id"}
    assert listed(db)[claim.name]["state"] == "made"
    assert listed(db)[claim.name]["state"] == "present"
    assert database.read(indexes.known, ()) == known


def test_only_unique_ones_of_one_table(db: Db) -> None:
    found = listed(db, "--table", "task", "--unique")
    assert found.keys() == {"uq_task_workflow_id_name"}
    assert found["uq_task_workflow_id_name"]["columns"] == ["workflow_id", "name"]
    assert "present    task: unique uq_task_workflow_id_name" in db("indexes", "--table", "task").output


def test_extra_indexes_are_made_survive_an_upgrade_and_go_when_they_are_no_longer_declared(
    db: Db, path: Path, database: Database
) -> None:
    settings = db.settings.read_text()
    db.set('extra_indexes = [{table = "task", columns = ["cluster", "queue"]}]')
    assert listed(db)["extra_task_cluster_queue"]["state"] == "made"
    assert db("upgrade").exit_code == 0
    assert listed(db)["extra_task_cluster_queue"]["state"] == "present"
    db.settings.write_text(settings)
    assert db("upgrade").exit_code == 0
    assert listed(db)["extra_task_cluster_queue"]["state"] == "undeclared"
    assert db("indexes", "--rebuild", "--yes").exit_code == 0
    assert "extra_task_cluster_queue" not in listed(db)
    ended(path)


def test_upgrade_makes_extra_indexes_unique_ones_too(empty_database_url: str, tmp_path: File) -> None:
    db = Db(empty_database_url, tmp_path)
    db.set('extra_indexes = [{table = "workflow", columns = ["name", "created_at"], unique = true}]')
    assert db("upgrade").exit_code == 0
    extra = listed(db, "--unique")["extra_workflow_name_created_at"]
    assert (extra["state"], extra["unique"]) == ("present", True)


@pytest.mark.parametrize(
    ("table", "columns", "said"),
    [
        ("nothing", ["id"], "no table nothing"),
        ("task", ["colour"], "no column colour"),
        ("task", ["command"], "text of any length"),
    ],
)
def test_an_extra_index_that_cannot_be_is_refused_by_name(
    database: Database, table: str, columns: list[str], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        database.read(indexes.known, [ExtraIndex(table, tuple(columns))])


@pytest.mark.parametrize("given", ["x", '{"table": "task"}', "[1]", '[{"table": "task", "columns": []}]'])
def test_extra_indexes_of_another_form_are_refused(given: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        extra_indexes(given)


def test_a_long_name_is_cut_and_stays_unique() -> None:
    one, other = (ExtraIndex("task_instance_attribute", ("name" * 10, last)) for last in ("a", "b"))
    assert len(one.name) == len(other.name) == 64
    assert one.name != other.name
    assert extra_indexes('[{"table": "task", "columns": ["name"]}]')[0].name == "extra_task_name"


def test_rebuild_prints_its_plan_and_does_it_only_when_it_is_meant(
    db: Db, path: Path, database: Database
) -> None:
    one = ended(path)
    before = database.read(indexes.known, ())
    with listening(database.engine):
        planned = db("indexes", "--rebuild", "--table", "task")
    assert (planned.exit_code, "say --yes" in planned.output) == (3, True)
    done = db("indexes", "--rebuild", "--table", "task", "--yes")
    assert done.exit_code == 0, done.output
    assert done.output.strip() in planned.output
    assert len(db("indexes", "--rebuild", "--yes").output.splitlines()) > 10
    assert database.read(indexes.known, ()) == before
    assert path.get(f"/workflow/{one}")["tasks"] == {"DONE": 2}


def test_indexes_are_made_in_place_where_the_database_can(database: Database) -> None:
    def made(connection: Connection) -> list[str]:
        missing = indexes.known(connection, [ExtraIndex("journal", ("time",))])
        with listening(database.engine) as said:
            indexes.make_missing(connection, missing)
        return [statement for statement, _ in said.statements]

    (statement,) = database.transact(made)
    assert statement.startswith("CREATE INDEX extra_journal_time ON journal (time)")
    assert statement.endswith("LOCK = NONE") or database.engine.dialect.name == "sqlite"


def view(database: Database, name: str) -> list[dict[str, Any]]:
    statement = text(f"SELECT * FROM {name}")  # noqa: S608 - one of four names
    return database.read(lambda connection: [dict(row) for row in connection.execute(statement).mappings()])


def test_views_have_stable_names_and_words(path: Path, database: Database) -> None:
    one = ended(path)
    (shown,) = view(database, "v_workflow")
    assert (shown["workflow_id"], shown["status"], shown["name"]) == (one, "DONE", "a workflow")
    tasks = view(database, "v_task")
    assert {(row["name"], row["status"], row["workflow_id"]) for row in tasks} == {
        ("a", "DONE", one),
        ("b", "DONE", one),
    }
    (first, *_) = view(database, "v_task_instance")
    assert (first["status"], first["workflow_id"], first["task_id"]) == ("DONE", one, path.task_ids["a"])
    decisions = view(database, "v_journal")
    assert [row["wanted"] for row in decisions if row["task_instance_id"] == first["task_instance_id"]] == [
        "QUEUED",
        "INSTANTIATED",
        "LAUNCHED",
        "RUNNING",
        "DONE",
    ]


def write(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement).close()


@pytest.mark.parametrize("name", sorted(views.views()))
def test_nothing_is_written_through_a_view(path: Path, database: Database, name: str) -> None:
    ended(path)
    before = database.read(rows)
    column = {"v_workflow": "name", "v_task": "name", "v_task_instance": "nodename", "v_journal": "reason"}[
        name
    ]
    for statement in (f"UPDATE {name} SET {column} = 'x'", f"DELETE FROM {name}"):  # noqa: S608 - one of four names
        with pytest.raises(DBAPIError):
            database.transact(write, statement)
    assert database.read(rows) == before
    assert view(database, name)[0][column] != "x"


def test_a_view_finds_by_the_indexes_of_its_table(path: Path, database: Database) -> None:
    path.bind(*(task(str(number)) for number in range(200))).start()
    path.claim(path.queue())
    found = {
        name: database.read(plan, f"SELECT * FROM {name} WHERE {name[2:]}_id = 7", ())  # noqa: S608
        for name in ("v_task", "v_task_instance")
    }
    assert ("task", "PRIMARY") in found["v_task"]
    assert {("task_instance", "PRIMARY"), ("task", "PRIMARY")} <= set(found["v_task_instance"])
    decisions = database.read(plan, "SELECT * FROM v_journal WHERE task_instance_id = 7", ())
    assert ("journal", "ix_journal_task_instance_id") in decisions


def test_an_upgrade_makes_the_views_anew(db: Db, database: Database) -> None:
    database.transact(views.drop)
    assert db("upgrade").exit_code == 0
    found = database.read(lambda connection: inspect(connection).get_view_names())
    assert sorted(found) == sorted(views.views())
    assert database.read(lifecycle.check_current) == lifecycle.HEAD
