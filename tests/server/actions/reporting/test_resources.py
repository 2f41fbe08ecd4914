"""A resource was short: the task asks for more, once, in the transaction that says so, and is queued again with it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.transaction import Database
from tests.support.path import ME, Path, task
from tests.support.situations import BROKE, into

HUNGRY = {"requested_resources": {"memory": 3, "cores": 1}, "resource_scales": {"memory": 0.5}}


def asked(path: Path, name: str) -> Any:
    return path.get(f"/task/{path.task_ids[name]}")["requested_resources"]


def short(one: int) -> dict[str, Any]:
    facts = {"task_instance_id": one, "report": "log_error_worker_node"}
    return facts | BROKE | {"error_state": "RESOURCE_ERROR"}


@pytest.mark.parametrize("bulk", [False, True], ids=["single", "bulk"])
def test_a_resource_error_scales_what_is_asked_for_and_queues_again(
    path: Path, database: Database, bulk: bool
) -> None:
    path.bind(task("a", **HUNGRY), task("b", **HUNGRY)).start()
    one = path.run_one()
    if bulk:
        assert path.reports(short(one))["applied"] == 1
    else:
        assert path.error(one, "RESOURCE_ERROR").get_json()["task_status"] == "ADJUSTING_RESOURCES"
    assert asked(path, "a") == {"memory": 5, "cores": 1}
    assert asked(path, "b") == {"memory": 3, "cores": 1}
    assert path.error(one, "RESOURCE_ERROR").get_json()["outcome"] == "duplicate"
    assert asked(path, "a") == {"memory": 5, "cores": 1}
    batches = path.claim(path.queue())["batches"]
    assert [batch["requested_resources"] for batch in batches] == [asked(path, "a"), asked(path, "b")]
    assert path.instance(one)["requested_resources"] == {"memory": 3, "cores": 1}
    assert database.read(check) == []


def test_a_list_of_values_gives_each_attempt_its_own_and_the_last_again(path: Path) -> None:
    path.bind(task("a", max_attempts=4, resource_scales={"memory": [10, 100]})).start()
    seen = []
    for _ in range(3):
        path.error(path.run_one(), "RESOURCE_ERROR")
        seen.append(asked(path, "a"))
    assert seen == [{"memory": 10}, {"memory": 100}, {"memory": 100}]


def test_another_error_and_the_last_attempt_scale_nothing(path: Path) -> None:
    path.bind(task("a", max_attempts=2, **HUNGRY)).start()
    path.error(path.run_one())
    assert asked(path, "a")["memory"] == 3
    assert path.error(path.run_one(), "RESOURCE_ERROR").get_json()["task_status"] == "ERROR_FATAL"
    assert asked(path, "a")["memory"] == 3


def test_many_in_one_call_each_ask_for_their_own(path: Path, database: Database) -> None:
    path.bind(
        *(
            task(f"t{n}", requested_resources={"memory": n}, resource_scales={"memory": n})
            for n in range(1, 5)
        )
    )
    path.add(task("plain"))
    path.start()
    ids = path.queue()
    path.claim(ids)
    for one in ids:
        path.running(one)
    assert path.reports(*(short(one) for one in ids))["applied"] == 5
    assert [asked(path, f"t{n}")["memory"] for n in range(1, 5)] == [n * (n + 1) for n in range(1, 5)]
    assert asked(path, "plain") is None
    assert database.read(check) == []


def test_the_scales_are_read_only_where_they_are_needed(path: Path, database: Database) -> None:
    path.bind().start()
    done, short_of = into(path, "RUNNING", 2)
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    path.error(done)
    plain = len(statements)
    path.report(
        short_of, "log_error_worker_node", worker_id=ME, error_state="RESOURCE_ERROR", error_description="oom"
    )
    assert sum("resource_scales" in text for text in statements[:plain]) == 0
    assert sum("resource_scales" in text for text in statements[plain:]) == 1
