"""Deleting workflows: nothing that lives, nothing by mistake, and nothing is left of what is deleted."""

from __future__ import annotations

from pathlib import Path as File
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from jobmon_client.api.client import Api
from jobmon_client.errors import Malformed, Refused
from jobmon_client.http import Http
from jobmon_client.running.log_removal import files_of, remove_files
from jobmon_server.actions.retention.retention_pass import remove_marked
from jobmon_server.config import Settings
from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables_control import metadata
from tests.support.path import ME, Path, task
from tests.support.remote import Remote
from tests.support.server import LiveServer

#: Tables whose rows belong to no workflow.
OF_NOBODY = {"lease", "token", "cluster_queue", "page_session"}


def ended(path: Path, *tasks: dict[str, Any], **facts: Any) -> int:
    """A workflow that has run to its end; its id."""
    tasks = tasks or (task("a"), task("b", "a"))
    path.bind(*tasks, **facts).start()
    for _ in tasks:
        path.done(path.run_one())
    assert path.workflow()["status"] == "DONE"
    return path.workflow_id


def rows(connection: Connection) -> dict[str, int]:
    """How many rows each table has that has any."""
    counts = {
        name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for name, table in metadata.tables.items()
        if name not in OF_NOBODY
    }
    return {name: count for name, count in counts.items() if count}


def drop(path: Path, workflow_id: int, **facts: Any) -> Any:
    return path.post(f"/workflow/{workflow_id}/delete", **facts)


def test_nothing_is_left_of_a_workflow_that_is_deleted(path: Path, database: Database) -> None:
    before = database.read(rows)
    one = ended(path, client_id="c", request_id="r", attributes={"team": "x"})
    assert {"task", "edge", "task_instance", "journal", "array_batch"} <= database.read(rows).keys()
    reply = drop(path, one, reason="no longer needed")
    assert (reply.status_code, reply.get_json()) == (
        200,
        {"outcome": "applied", "workflow_id": one, "status": "DONE", "is_removed": True},
    )
    assert database.read(rows) == before == {}
    assert database.read(check) == []


@pytest.mark.parametrize("facts", [{"result": {"n": 1}}, {"stdout_log": "x"}, {"stderr_log": "x"}], ids=str)
def test_the_only_copy_of_results_and_logs_goes_by_a_flag_alone(path: Path, facts: dict[str, Any]) -> None:
    path.bind(task("a"), task("b")).start()
    path.done(path.run_one(), **facts)
    live, one = path.run_one(), path.workflow_id
    for reply in (drop(path, one, force=True), path.post("/workflow/delete", workflow_ids=[one], force=True)):
        body = reply.get_json()
        message = body["error"]["message"] if reply.status_code == 409 else body["outcomes"][0]["message"]
        assert "say delete_output" in message
        assert path.instance(live)["status"] == "RUNNING", "nothing is stopped for what is then refused"
    path.done(live, stdout_log="")
    assert drop(path, one).status_code == 409
    assert drop(path, one, delete_output=True).get_json()["is_removed"]


def test_a_deleted_workflow_is_unknown_from_then_on(path: Path) -> None:
    one = ended(path)
    a = path.task_ids["a"]
    drop(path, one)
    for call in ("delete", "stop", "rerun", "limits", "tasks"):
        facts: dict[str, Any] = {"tasks": []} if call == "tasks" else {}
        assert path.post(f"/workflow/{one}/{call}", **facts).status_code == 404, call
    for read in (f"/workflow/{one}", f"/task/{a}"):
        assert path.client.get(f"/api/v1{read}").status_code == 404
    assert path.get("/workflow")["workflows"] == []
    assert drop(path, 4711).get_json()["outcome"] == "unknown"


def test_others_are_left_alone(path: Path, database: Database) -> None:
    kept = ended(path)
    before = database.read(rows)
    drop(path, ended(path))
    assert database.read(rows) == before
    assert path.get(f"/workflow/{kept}")["tasks"] == {"DONE": 2}


def test_what_lives_is_not_deleted(path: Path, database: Database) -> None:
    path.bind(task("a")).start()
    one = path.workflow_id
    before = database.read(rows)
    refused = drop(path, one)
    assert (refused.status_code, refused.get_json()["outcome"]) == (409, "invalid")
    instance = path.run_one()
    path.post(f"/workflow_run/{path.run_id}/terminate")
    assert path.instance(instance)["status"] == "KILL_SELF"
    refused = drop(path, one)
    assert (refused.status_code, refused.get_json()["status"]) == (409, "HALTED")
    path.error(instance, "ERROR_FATAL")
    assert set(before) <= set(database.read(rows))
    assert drop(path, one).get_json()["outcome"] == "applied"
    assert database.read(rows) == {}


def test_by_force_what_lives_is_stopped_and_waited_for(path: Path, database: Database) -> None:
    path.bind(task("a"), task("waits"), task("b", "a")).start()
    one = path.workflow_id
    instance = path.run_one()
    path.queue()
    reply = drop(path, one, force=True).get_json()
    assert (reply["outcome"], reply["is_removed"]) == ("applied", False)
    assert path.client.get(f"/api/v1/workflow/{one}").status_code == 404
    assert path.client.get(f"/api/v1/task/{path.task_ids['a']}").status_code == 404
    assert path.beat(instance).get_json()["status"] == "KILL_SELF"
    assert remove_marked(database, Settings(), lambda: True).held == [one]
    assert database.read(check) == []
    assert path.error(instance, "ERROR_FATAL").get_json()["outcome"] == "applied"
    assert remove_marked(database, Settings(), lambda: True).done == [one]
    assert database.read(rows) == {}


def test_an_empty_workflow_with_a_run_is_deleted_by_force(path: Path, database: Database) -> None:
    path.bind().start()
    assert drop(path, path.workflow_id).status_code == 409
    assert drop(path, path.workflow_id, force=True).get_json()["is_removed"] is True
    assert database.read(rows) == {}


def test_a_workflow_may_be_bound_anew_while_the_rows_of_the_deleted_one_are_there(
    path: Path, database: Database
) -> None:
    identity = {"client_id": "c", "request_id": "r"}
    path.bind(task("a"), **identity).start()
    old, instance = path.workflow_id, path.run_one()
    drop(path, old, force=True)
    path.bind(task("a"), **identity)
    assert path.workflow_id != old
    path.error(instance, "ERROR_FATAL")
    remove_marked(database, Settings(), lambda: True)
    assert [one["workflow_id"] for one in path.get("/workflow")["workflows"]] == [path.workflow_id]
    assert database.read(check) == []


def many(path: Path, **facts: Any) -> tuple[int, Any]:
    reply = path.post("/workflow/delete", **facts)
    return reply.status_code, reply.get_json()


def test_many_are_deleted_each_by_itself(path: Path, database: Database) -> None:
    first, second = ended(path), ended(path)
    path.bind(task("a")).start()
    alive = path.workflow_id
    status, told = many(path, workflow_ids=[second, alive, 4711, first])
    assert status == 200
    assert {name: told[name] for name in ("matched", "applied", "skipped", "failed", "left")} == {
        "matched": 3,
        "left": 0,
        "applied": 2,
        "skipped": 2,
        "failed": 0,
    }
    assert (told["workflow_ids"], told["removing"]) == ([first, second], [])
    assert {one["workflow_id"]: one["outcome"] for one in told["outcomes"]} == {
        alive: "invalid",
        4711: "unknown",
    }
    assert [one["workflow_id"] for one in path.get("/workflow")["workflows"]] == [alive]
    assert database.read(check) == []


def test_one_that_fails_does_not_stop_the_others(path: Path, database: Database) -> None:
    first, second = ended(path), ended(path)
    database.transact(forbid, first)
    status, told = many(path, workflow_ids=[first, second])
    assert (status, told["applied"], told["failed"], told["workflow_ids"]) == (200, 1, 1, [second])
    assert [(one["workflow_id"], one["outcome"]) for one in told["outcomes"]] == [(first, None)]
    assert path.get(f"/workflow/{first}")["status"] == "DONE"


def forbid(connection: Connection, workflow_id: int) -> None:
    """Let the database refuse every change of a workflow's row."""
    if connection.dialect.name == "sqlite":
        body = f"WHEN OLD.id = {workflow_id} BEGIN SELECT RAISE(ABORT, 'forbidden'); END"
    else:
        body = (
            f"FOR EACH ROW IF OLD.id = {workflow_id} THEN"
            " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'forbidden'; END IF"
        )
    connection.exec_driver_sql(f"CREATE TRIGGER forbidden BEFORE UPDATE ON workflow {body}")


def test_more_than_the_limit_are_not_deleted(path: Path) -> None:
    ids = [ended(path, task("a")) for _ in range(3)]
    status, told = many(path, workflow_ids=ids, max_limit=2)
    assert (status, told["outcome"], told["matched"]) == (409, "invalid", 3)
    assert len(path.get("/workflow")["workflows"]) == 3
    assert many(path, workflow_ids=ids[:2], max_limit=2)[1]["applied"] == 2


def test_ten_is_the_limit_unless_it_is_said_and_0_is_none(path: Path) -> None:
    for _ in range(11):
        path.bind()
    assert many(path, all=True)[0] == 409
    status, told = many(path, all=True, max_limit=0)
    assert (status, told["matched"], told["applied"]) == (200, 11, 11)


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({}, "workflow_ids"),
        ({"all": False}, "workflow_ids"),
        ({"all": True, "workflow_ids": [1]}, "workflow_ids"),
        ({"filter": {}}, "workflow_ids"),
        ({"search": []}, "workflow_ids"),
        ({"filter": {"status": "DONE"}, "workflow_ids": [1]}, "workflow_ids"),
        ({"filter": {"state": "DONE"}}, "filter.state"),
        ({"workflow_ids": ["1"]}, "workflow_ids.0"),
        ({"workflow_ids": [1], "max_limit": -1}, "max_limit"),
        ({"workflow_ids": [1], "sure": True}, "sure"),
    ],
)
def test_all_must_be_asked_for_by_name(path: Path, facts: dict[str, Any], field: str) -> None:
    path.bind()
    status, told = many(path, **facts)
    assert (status, told["error"]["details"][0]["field"]) == (422, field)
    assert len(path.get("/workflow")["workflows"]) == 1


def test_what_is_found_is_deleted(path: Path) -> None:
    done = ended(path)
    path.bind()
    assert many(path, filter={"status": "DONE"})[1]["workflow_ids"] == [done]
    search = [{"field": "status", "operator": "eq", "value": "REGISTERED"}]
    assert many(path, search=search)[1]["workflow_ids"] == [path.workflow_id]


def test_a_preview_deletes_nothing_and_its_digest_binds(path: Path) -> None:
    ids = [ended(path, task("a")) for _ in range(2)]
    _, told = many(path, workflow_ids=ids, preview=True)
    assert (told["applied"], told["matched"], [one["workflow_id"] for one in told["preview"]]) == (0, 2, ids)
    path.act("rerun", "a")
    for force in (False, True):
        status, refused = many(path, workflow_ids=ids, digest=told["digest"], force=force)
        assert (status, refused["outcome"], refused["matched"]) == (409, "invalid", 2)
    assert len(path.get("/workflow")["workflows"]) == 2
    path.act("stop")
    _, told = many(path, all=True, preview=True)
    assert many(path, all=True, digest=told["digest"])[1]["applied"] == 2


def test_the_first_that_is_refused_may_end_it(path: Path) -> None:
    path.bind().start()
    alive = path.workflow_id
    done = ended(path)
    _, told = many(path, workflow_ids=[done, alive], on_error="stop")
    assert (told["applied"], told["skipped"], told["left"]) == (0, 1, 1)
    assert many(path, workflow_ids=[done, alive], on_error="continue")[1]["applied"] == 1


def test_an_empty_list_deletes_nothing(path: Path) -> None:
    path.bind()
    assert many(path, workflow_ids=[])[1]["applied"] == 0
    assert len(path.get("/workflow")["workflows"]) == 1


def test_a_late_report_to_what_was_deleted_is_unknown(path: Path) -> None:
    path.bind(task("a")).start()
    instance = path.run_one()
    path.done(instance)
    drop(path, path.workflow_id)
    late = path.report(instance, "log_done", worker_id=ME)
    assert (late.status_code, late.get_json()["outcome"]) == (404, "unknown")


def test_files_are_removed_where_they_lie_and_only_by_who_asks_for_it(
    live_server: LiveServer, tmp_path: File
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    with Api(Http(live_server.url, budget=5)) as api:
        path = Path(Remote(live_server.url))
        path.bind(task("a"), task("b")).start()
        mine, theirs = logs / "a.out", tmp_path / "precious"
        for file in (mine, theirs):
            file.write_text("written by a command")
            path.done(path.run_one(), stdout=str(file))
        files = files_of(api, path.workflow_id)
        assert files == [str(mine), str(theirs)]
        assert api.delete_workflow(path.workflow_id)["is_removed"] is True
        assert mine.exists()
        removed = remove_files(files, logs)
    assert [one.outcome for one in removed] == ["removed", "refused"]
    assert (mine.exists(), theirs.exists()) == (False, True)


def test_the_client_deletes_and_is_told_what_it_may_not(live_server: LiveServer) -> None:
    with Api(Http(live_server.url, budget=5)) as api:
        path = Path(Remote(live_server.url))
        path.bind(task("a")).start()
        alive = path.workflow_id
        assert api.delete_workflow(alive)["outcome"] == "invalid"
        assert api.delete_workflow(4711)["outcome"] == "unknown"
        ids = [api.bind_workflow("w")["workflow_id"] for _ in range(2)]
        with pytest.raises(Refused, match="max_limit"):
            api.delete_workflows(ids, max_limit=1)
        with pytest.raises(Malformed):
            api.delete_workflows()
        assert api.delete_workflows(ids[:1])["workflow_ids"] == ids[:1]
        assert api.delete_workflows(filter={"status": "REGISTERED"})["workflow_ids"] == ids[1:]
        assert api.delete_workflows(all=True, force=True)["workflow_ids"] == [alive]
