"""A workflow as a file: all that is deleted is in it, and nothing is deleted before it is there."""

from __future__ import annotations

import gzip
import json
from pathlib import Path as File
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.engine import Connection

from jobmon_server.actions.retention.archive import archive, file_of
from jobmon_server.actions.retention.retention_pass import remove_marked, run_retention_pass
from jobmon_server.actions.retention.workflow_deletion import DeletionOptions, delete_workflow
from jobmon_server.config import Settings
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables_control import metadata
from jobmon_server.db.workflows import archive_rows
from jobmon_server.errors import Invalid, Unknown
from tests.server.actions.retention.test_deleting import OF_NOBODY, ended, rows
from tests.server.actions.retention.test_keeping import make_older
from tests.support.path import Path, task


@pytest.fixture
def path(client: FlaskClient) -> Path:
    return Path(client)


def lines(file: File) -> list[dict[str, Any]]:
    with gzip.open(file, "rt", encoding="utf-8") as text:
        return [json.loads(line) for line in text]


def everything(connection: Connection) -> dict[str, list[Any]]:
    """All rows of all tables, as a file would have them."""
    found = {}
    for name, table in metadata.tables.items():
        if name in OF_NOBODY | {"submission"}:
            continue
        every = select(*archive_rows.stored(table)).order_by(*table.primary_key.columns)
        told = [dict(row) for row in connection.execute(every).mappings()]
        if told:
            found[name] = json.loads(
                json.dumps(told, default=lambda moment: moment.isoformat("T", "microseconds") + "Z")
            )
    return found


def rich(path: Path) -> int:
    """A workflow with rows in many tables."""
    facts = {
        "client_id": "c",
        "request_id": "r",
        "attributes": {"team": "é😀"},
        "callback_url": "http://localhost/x",
    }
    path.bind(
        *(task(str(number), *(["0"] if number else []), attributes={"n": number}) for number in range(450)),
        **facts,
    )
    path.start()
    first = path.run_one()
    path.beat(first, metrics={"load": 1.5})
    path.error(first)
    path.done(path.run_one())
    path.post("/submission", submission_uuid="s", cluster="local", distributor="d", task_instance_ids=[first])
    path.queue()
    path.act("stop")
    return path.workflow_id


def test_what_is_in_the_tables_is_in_the_file(path: Path, database: Database, tmp_path: File) -> None:
    other = ended(path)
    delete_workflow(database, other, DeletionOptions(), lambda: True)
    one = rich(path)
    file = tmp_path / "one.gz"
    assert archive(database, one, file) is True
    (header, *others, end) = lines(file)
    assert (header["table"], header["row"]["id"], header["row"]["client_id"]) == ("workflow", one, "c")
    assert header["schema"]
    found: dict[str, list[Any]] = {"workflow": [header["row"]]}
    for line in others:
        found.setdefault(line["table"], []).append(line["row"])
    assert end == {"end": {name: len(told) for name, told in found.items() if name != "workflow"}}
    stored = database.read(everything)
    assert {name: sorted(map(str, told)) for name, told in found.items()} == {
        name: sorted(map(str, told)) for name, told in stored.items()
    }
    assert {"task", "edge", "task_instance", "journal", "submission_step"} <= found.keys()


def test_every_table_below_a_workflow_is_archived() -> None:
    parents = (
        *archive_rows.OF_WORKFLOW,
        *archive_rows.OF_ARRAY,
        *archive_rows.OF_TASK,
        *archive_rows.OF_INSTANCE,
    )
    archived = {parent.table.name for parent in parents} | {"workflow", "task"}
    assert archived == set(metadata.tables) - OF_NOBODY - {"submission"}


def version(file: File) -> tuple[int, int, int]:
    """What changes when a file is written or replaced, and not when it is read."""
    found = file.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def test_the_same_again_is_the_same_file(path: Path, database: Database, tmp_path: File) -> None:
    one = ended(path)
    file = tmp_path / "one.gz"
    archive(database, one, file)
    written = version(file)
    assert archive(database, one, file) is False
    assert version(file) == written
    again = tmp_path / "again.gz"
    archive(database, one, again)
    assert again.read_bytes() == file.read_bytes()
    assert sorted(found.name for found in tmp_path.iterdir()) == ["again.gz", "one.gz"]


def test_a_file_of_an_older_state_is_replaced(path: Path, database: Database, tmp_path: File) -> None:
    one = ended(path)
    file = tmp_path / "one.gz"
    archive(database, one, file)
    path.act("rerun", "a")
    path.act("stop")
    assert archive(database, one, file) is True
    assert lines(file)[0]["row"]["status"] == "STOPPED"


@pytest.mark.parametrize(
    "content",
    [b"", b"mine", gzip.compress(b'{"row": {"id": 1}}\n', mtime=0), gzip.compress(b"[]\n", mtime=0)],
    ids=["empty", "text", "other rows", "no header"],
)
def test_a_file_of_something_else_is_not_touched_and_nothing_is_deleted(
    path: Path, database: Database, tmp_path: File, content: bytes
) -> None:
    one = ended(path)
    file = file_of(str(tmp_path), one)
    file.write_bytes(content)
    with pytest.raises(Invalid, match="something else"):
        delete_workflow(database, one, DeletionOptions(archive_dir=str(tmp_path)), lambda: True)
    assert file.read_bytes() == content
    assert path.get(f"/workflow/{one}")["tasks"] == {"DONE": 2}


def test_where_it_cannot_be_written_nothing_is_deleted(
    path: Path, database: Database, tmp_path: File
) -> None:
    old, new = ended(path), ended(path)
    make_older(database, 3700)
    (tmp_path / "taken").write_text("a file, no directory")
    settings = Settings(archive_dir=str(tmp_path / "taken" / "archive"), purge_after=2_592_000.0)
    run_retention_pass(database, settings, lambda: True)
    make_older(database, 31 * 86_400)
    kept = run_retention_pass(database, settings, lambda: True)
    assert [one.workflow_id for one in kept.failed] == [old]
    assert "cannot be written" in kept.failed[0].message
    assert [one["workflow_id"] for one in path.get("/workflow")["workflows"]] == [new, old]


def test_what_is_purged_is_archived_first(path: Path, database: Database, tmp_path: File) -> None:
    old, _ = ended(path), ended(path)
    make_older(database, 3700)
    settings = Settings(archive_dir=str(tmp_path / "archive"), purge_after=2_592_000.0)
    run_retention_pass(database, settings, lambda: True)
    make_older(database, 31 * 86_400)
    kept = run_retention_pass(database, settings, lambda: True)
    assert (kept.purged, kept.removed) == ([old], [old])
    found = lines(file_of(settings.archive_dir, old))
    assert [line["row"]["name"] for line in found if line.get("table") == "task"] == ["a", "b"]
    assert len(list((tmp_path / "archive").iterdir())) == 1


def test_what_had_to_be_stopped_is_archived_when_it_is_dead_and_once_begun_never_again(
    path: Path, database: Database, tmp_path: File
) -> None:
    settings = Settings(archive_dir=str(tmp_path))
    path.bind(*(task(str(number)) for number in range(250))).start()
    one, instance = path.workflow_id, path.run_one()
    delete_workflow(database, one, DeletionOptions(force=True, archive_dir=str(tmp_path)), lambda: True)
    assert list(tmp_path.iterdir()) == []
    path.error(instance, "ERROR_FATAL")
    steps = iter([True, True, False, False])
    assert remove_marked(database, settings, lambda: next(steps)).held == [one]
    assert database.read(rows)["task"] == 150
    written = file_of(str(tmp_path), one).read_bytes()
    assert remove_marked(database, settings, lambda: True).done == [one]
    assert file_of(str(tmp_path), one).read_bytes() == written
    assert sum(line.get("table") == "task" for line in lines(file_of(str(tmp_path), one))) == 250


def test_what_lives_or_goes_on_is_not_archived(path: Path, database: Database, tmp_path: File) -> None:
    path.bind(task("a")).start()
    with pytest.raises(Invalid, match="lives"):
        archive(database, path.workflow_id, tmp_path / "x.gz")
    with pytest.raises(Unknown):
        archive(database, 4711, tmp_path / "x.gz")
    assert list(tmp_path.iterdir()) == []
