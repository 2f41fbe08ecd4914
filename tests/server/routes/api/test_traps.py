"""Defects that were seen in the reference systems: each test would fail there."""

from __future__ import annotations

import ast
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event, insert, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from jobmon_client.states import Reporter, TaskInstanceStatus
from jobmon_server.actions.reporting import report_types
from jobmon_server.actions.reporting.claims import claim_next
from jobmon_server.actions.reporting.report_types import Report
from jobmon_server.actions.reporting.transition import report
from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database, LostRace
from jobmon_server.db.schema.tables import edge
from jobmon_server.fsm.plan import By
from tests.house.rules import PACKAGES, modules
from tests.support.databases import MariadbSource
from tests.support.path import ME, RUNNING, SECONDS, Path, task
from tests.support.situations import BROKE, LOST, into

LATE: dict[str, dict[str, Any]] = {
    "log_unknown_error": LOST,
    "log_error_worker_node": {"error_state": "ERROR", **BROKE},
    "log_known_error": {"error_state": "ERROR", **LOST},
    "log_distributor_id": {"distributor_id": "c", "next_report_increment": 1},
}


@pytest.mark.parametrize("late", LATE)
def test_who_waits_for_the_lock_decides_from_what_the_other_left(
    path: Path, database: Database, late: str
) -> None:
    """The reference read the status before it locked, and wrote by id: the last writer won."""
    path.bind().start()
    (one,) = into(path, "TRIAGING")
    told: list[Any] = []
    other = threading.Thread(target=lambda: told.append(path.report(one, late, **LATE[late])))

    def first(connection: Connection) -> str:
        verdict = report(connection, one, report_types.log_done(worker_id=ME))
        other.start()
        return verdict.outcome.value

    assert database.transact(first) == "applied"
    other.join(timeout=20)
    (reply,) = told
    outcome = {"log_error_worker_node": "invalid", "log_known_error": "invalid"}.get(late, "untimely")
    assert (reply.get_json()["outcome"], reply.get_json()["status"]) == (outcome, "DONE")
    assert path.instance(one)["status"] == "DONE"
    assert database.read(check) == []


def test_a_rerun_of_a_lost_race_plans_again_and_drops_no_field(path: Path, database: Database) -> None:
    """The reference's rollback dropped the fields that were set before its retry loop."""
    path.bind().start()
    (one,) = into(path, "LAUNCHED")
    tries: list[str] = []

    def loses_once(connection: Connection) -> str:
        news = report_types.log_running(worker_id=ME, stdout="/out", **RUNNING)
        tries.append(report(connection, one, news).outcome.value)
        if len(tries) == 1:
            raise LostRace
        return tries[-1]

    assert database.transact(loses_once) == "applied"
    instance = path.instance(one)
    assert tries == ["applied", "applied"]
    assert (instance["nodename"], instance["process_group_id"], instance["stdout"]) == ("node", 42, "/out")
    assert path.journal(one)[-1] == ("LAUNCHED", "RUNNING", "applied")
    assert len(path.journal(one)) == 4


def test_a_lost_write_is_never_a_success(
    path: Path, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reference answered 200 "logged with warnings", and logged the transition before it was committed."""
    path.bind().start()
    (one,) = into(path, "RUNNING")
    capsys.readouterr()

    def never(*_: Any) -> None:
        raise LostRace

    event.listen(database.engine, "commit", never)
    replies = [path.done(one), path.error(one)]
    event.remove(database.engine, "commit", never)
    for reply in replies:
        assert (reply.status_code, reply.get_json()["outcome"]) == (503, "busy")
        assert int(reply.headers["Retry-After"]) >= 1  # type: ignore[attr-defined]
    written = capsys.readouterr()
    assert "outcome=applied" not in written.out + written.err
    assert (path.instance(one)["status"], path.errors(one)) == ("RUNNING", [])
    assert path.done(one).get_json()["outcome"] == "applied"


def test_a_late_heartbeat_does_not_kill_a_healthy_job(path: Path) -> None:
    """The reference refused TRIAGING→RUNNING because RUNNING→RUNNING is no edge of the task."""
    path.bind().start()
    (one,) = into(path, "TRIAGING")
    beat = path.beat(one).get_json()
    assert (beat["outcome"], beat["status"], beat["task_status"]) == ("applied", "RUNNING", "RUNNING")
    assert path.journal(one)[-1] == ("TRIAGING", "RUNNING", "applied")
    assert path.done(one).get_json()["outcome"] == "applied"


@pytest.mark.parametrize(
    "situation", ["KILL_SELF", "KILL_SELF, orphan", "NO_HEARTBEAT", "ERROR_FATAL, withdrawn"]
)
def test_a_claim_does_not_revive_what_was_killed(path: Path, situation: str) -> None:
    path.bind(task("other")).start()
    (one,) = into(path, situation)
    reply = path.claim([one])
    assert (reply["batches"], reply["outcomes"][0]["outcome"]) == ([], "invalid")


def test_two_ends_in_two_concurrent_batches_have_one_winner(path: Path, database: Database) -> None:
    path.bind().start()
    ids = into(path, "RUNNING", 8)
    for one in ids:
        item = {"task_instance_id": one, "report": "log_done", "worker_id": ME}
        broke = {"task_instance_id": one, "report": "log_error_worker_node", "error_state": "ERROR", **BROKE}
        start = threading.Barrier(2)

        def send(what: dict[str, Any], start: threading.Barrier = start) -> Any:
            start.wait(10)
            return path.reports(what)

        with ThreadPoolExecutor(2) as pool:
            replies = list(pool.map(send, [item, broke]))
        assert sum(reply["applied"] for reply in replies) == 1
        ends = [row[1:] for row in path.journal(one)[-2:]]
        assert sorted(outcome for _, outcome in ends) == ["applied", "invalid"]
    assert database.read(check) == []


def test_the_same_request_from_fifty_callers_makes_one_workflow(path: Path) -> None:
    identity = {"name": "w", "client_id": "me", "request_id": "r"}
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: path.post("/workflow", **identity), range(50)))
    assert sorted(reply.status_code for reply in replies) == [200] * 49 + [201]
    assert len({reply.get_json()["workflow_id"] for reply in replies}) == 1


def test_many_claimers_share_what_waits_and_nothing_twice(path: Path, database: Database) -> None:
    path.bind(*(task(f"t{number}") for number in range(120))).start()
    path.queue()

    def claim(number: int) -> list[int]:
        facts = {"distributor": f"d{number}", "cluster": "local", "limit": 7, "next_report_increment": 60}
        given: list[int] = []
        while True:
            reply = path.post("/task_instance/instantiate_task_instances", **facts).get_json()
            got = [step["task_instance_id"] for batch in reply["batches"] for step in batch["task_instances"]]
            given += got
            if not got:
                return given

    with ThreadPoolExecutor(4) as pool:
        claimed = [one for some in pool.map(claim, range(4)) for one in some]
    assert len(claimed) == len(set(claimed)) == 120
    assert database.read(check) == []


def test_an_open_claim_does_not_block_a_sibling(mariadb_source: MariadbSource) -> None:
    from jobmon_server.app import create_app

    with mariadb_source.with_schema() as url:
        database = Database.connect(url)
        path = Path(create_app(database).test_client())
        path.bind(task("a"), task("b")).start()
        first, second = path.queue()
        news = Report(
            TaskInstanceStatus.INSTANTIATED, By(Reporter.DISTRIBUTOR), SECONDS, {"distributor": "d"}
        )

        def holds(connection: Connection) -> list[int]:
            claim_next(connection, news, "d", "local", 1)
            given, _ = database.transact(lambda other: claim_next(other, news, "e", "local", 5))
            return [one.id for one in given]

        assert database.transact(holds) == [second]
        assert path.instance(first)["distributor"] == "d"
        database.dispose()


def test_pages_repeat_and_skip_nothing_when_times_are_equal(path: Path) -> None:
    path.bind(*(task(f"t{number}") for number in range(7)))
    seen: list[int] = []
    after = 0
    while True:
        page = path.get(f"/workflow/{path.workflow_id}/tasks?limit=2&after={after}")
        seen += [row["task_id"] for row in page["tasks"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == sorted(path.task_ids.values())


def test_an_empty_or_wrong_status_selects_nothing(path: Path) -> None:
    path.bind(task("a"))
    for status in ("", "running", "R", "RUNNING,BOGUS"):
        reply = path.client.get(f"/api/v1/workflow/{path.workflow_id}/tasks?status={status}")
        assert reply.status_code == 422 or reply.get_json()["tasks"] == [], status


def test_foreign_keys_are_kept(database: Database) -> None:
    with pytest.raises(DBAPIError):
        database.transact(
            lambda connection: connection.execute(insert(edge).values(upstream_id=5, downstream_id=6))
        )


def test_the_database_itself_refuses_a_status_that_is_none(path: Path, database: Database) -> None:
    path.bind(task("a")).start()
    path.queue()
    for table in ("task", "task_instance", "workflow", "workflow_run"):
        bad = text(f"UPDATE {table} SET status = '?'")  # noqa: S608 - our own names
        with pytest.raises(DBAPIError):
            database.transact(Connection.execute, bad)


def test_a_corrupt_row_is_an_error_with_its_name_and_no_default(path: Path, database: Database) -> None:
    path.bind(task("a"), task("b")).start()
    (one, other) = path.queue()
    off = (
        "SET check_constraint_checks = 0"
        if database.engine.dialect.name != "sqlite"
        else "PRAGMA ignore_check_constraints = ON"
    )

    def spoil(connection: Connection) -> None:
        connection.execute(text(off))
        connection.execute(text("UPDATE task_instance SET status = '?' WHERE id = :one"), {"one": one})

    database.transact(spoil)
    reply = path.client.get(f"/api/v1/task_instance/{one}")
    assert reply.status_code == 500
    assert "?" in reply.get_json()["error"]["message"]
    item = {"task_instance_id": one, "report": "log_done", "worker_id": "w"}
    for said in (
        path.running(one),
        path.post("/reports", reports=[item, {**item, "task_instance_id": other}]),
    ):
        assert said.status_code == 500
        assert said.get_json()["error"]["code"] == "corrupt_row"
    assert path.instance(other)["status"] == "QUEUED"


#: Where connections are held; it reads no file, waits for no lock, and says nothing to a database (docs/adr/0009).
LOOP = "jobmon_server/serving/"


def asynchronous() -> Iterator[str]:
    for module in (one for one in modules(*PACKAGES) if not one.path.startswith(LOOP)):
        for node in module.walk():
            if isinstance(node, ast.AsyncFunctionDef | ast.Await):
                yield f"{module.path}:{node.lineno}"


def test_no_event_loop_can_be_blocked() -> None:
    assert list(asynchronous()) == []


def test_a_point_read_by_array_batch_and_step_uses_its_index(path: Path, database: Database) -> None:
    path.bind(*(task(f"t{number}") for number in range(50))).start()
    (one, *_) = path.queue()
    place = path.instance(one)
    statements: list[tuple[str, Any]] = []

    def note(*args: Any) -> None:
        statements.append((args[2], args[3]))

    event.listen(database.engine, "before_cursor_execute", note)
    path.get(f"/get_array_task_instance_id/{place['array_id']}/{place['batch_num']}/{place['array_step_id']}")
    event.remove(database.engine, "before_cursor_execute", note)
    ((statement, values),) = [pair for pair in statements if "array_step_id" in pair[0]]
    statement = statement.rpartition(" FOR */ ")[2]  # without its limit of time
    is_sqlite = database.engine.dialect.name == "sqlite"
    explained = database.read(_explain, f"EXPLAIN {'QUERY PLAN ' * is_sqlite}{statement}", values)
    assert "SEARCH" in explained if is_sqlite else "const" in explained
    assert "uq_task_instance" in explained or "sqlite_autoindex_task_instance" in explained


def _explain(connection: Connection, statement: str, values: Any) -> str:
    return " ".join(str(row) for row in connection.exec_driver_sql(statement, values))


def moments(path: Path, one: int) -> Callable[[str], str | None]:
    return lambda name: path.instance(one)[name]


def test_start_and_end_are_set_once(path: Path) -> None:
    path.bind().start()
    (one,) = into(path, "RUNNING")
    at = moments(path, one)
    started = at("started_at")
    assert started is not None
    assert at("finished_at") is None
    path.running(one)
    path.beat(one)
    path.done(one)
    finished = at("finished_at")
    path.done(one)
    assert (at("started_at"), at("finished_at")) == (started, finished)
    assert finished is not None
    assert finished >= started


def test_start_stays_when_a_silent_one_speaks_again(path: Path) -> None:
    path.bind().start()
    (one,) = into(path, "TRIAGING")
    started = path.instance(one)["started_at"]
    path.beat(one)
    assert path.instance(one)["started_at"] == started


def test_a_done_cannot_carry_an_error(path: Path) -> None:
    path.bind().start()
    (one,) = into(path, "RUNNING")
    reply = path.done(one, error_state="ERROR")
    assert (reply.status_code, path.instance(one)["status"]) == (422, "RUNNING")
