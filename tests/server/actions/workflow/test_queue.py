"""Queueing: what is ready, within the limits of workflow and arrays, by priority; one new instance each."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import select

from jobmon_server.db.admin.integrity import check
from jobmon_server.db.core.rows import BATCH
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema.tables_workflow import workflow
from tests.support.path import Path, task
from tests.support.waiting import eventually


def names(path: Path, ids: list[int]) -> list[str]:
    return [str(path.instance(one)["name"]) for one in ids]


def batches(path: Path, **facts: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = path.post(f"/workflow_run/{path.run_id}/queue_tasks", **facts).get_json()[
        "batches"
    ]
    return found


def test_a_second_call_makes_no_second_instance(path: Path) -> None:
    path.bind(task("a")).start()
    assert len(path.queue()) == 1
    assert path.queue() == []
    assert len(path.get(f"/task/{path.task_ids['a']}")["task_instance_ids"]) == 1


def test_higher_priority_first_then_by_id(path: Path) -> None:
    path.bind(task("a"), task("b", priority=5), task("c", priority=-1), task("d", priority=5)).start()
    assert names(path, path.queue(limit=3)) == ["b", "d", "a"]
    assert path.queue(limit=0) == []
    assert names(path, path.queue()) == ["c"]


def test_a_batch_has_one_array_cluster_queue_and_resources(path: Path, database: Database) -> None:
    alike = {"cluster": "local", "queue": "q", "requested_resources": {"a": 1, "b": 2}}
    path.bind(
        task("a", **alike),
        task("b", **alike | {"requested_resources": {"b": 2, "a": 1}}),
        task("c", **alike | {"cluster": "other"}),
        task("d", **alike | {"queue": "Q"}),
        task("e", **alike | {"requested_resources": {"a": 1}}),
        task("f", **alike | {"array": "x"}),
    ).start()
    found = batches(path)
    assert [names(path, batch["task_instance_ids"]) for batch in found] == [
        ["a", "b"],
        ["c"],
        ["d"],
        ["e"],
        ["f"],
    ]
    assert [batch["batch_num"] for batch in found] == [1, 2, 3, 4, 1]
    assert found[0]["array_id"] != found[-1]["array_id"]
    for batch in found:
        for step, one in enumerate(batch["task_instance_ids"]):
            place = f"{batch['array_id']}/{batch['batch_num']}/{step}"
            assert path.get(f"/get_array_task_instance_id/{place}") == {"task_instance_id": one}
    assert database.read(check) == []


def test_a_step_that_is_none_is_404(path: Path) -> None:
    path.bind(task("a")).start()
    array_id = batches(path)[0]["array_id"]
    for place in (f"{array_id}/1/1", f"{array_id}/2/0", f"{array_id + 1}/1/0"):
        assert path.client.get(f"/api/v1/get_array_task_instance_id/{place}").status_code == 404


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_a_workflows_limit_counts_what_is_queued_or_runs(path: Path, limit: int) -> None:
    path.bind(*(task(name) for name in "abc"), max_concurrently_running=limit).start()
    ids = path.queue()
    assert len(ids) == limit
    assert path.queue() == []
    if ids:
        path.claim(ids)
        path.running(ids[0])
        assert path.queue() == []
        path.done(ids[0])
        assert len(path.queue()) == 1


def test_an_arrays_limit_may_change_while_it_runs_and_0_pauses_it(path: Path) -> None:
    path.bind(*(task(name, array="x") for name in "abcd"), task("z")).start()
    path.add(arrays=[{"name": "x", "max_concurrently_running": 0}])
    assert names(path, path.queue()) == ["z"]
    path.add(arrays=[{"name": "x", "max_concurrently_running": 2}])
    assert names(path, path.queue()) == ["a", "b"]
    path.add(arrays=[{"name": "x", "max_concurrently_running": None}])
    assert names(path, path.queue()) == ["c", "d"]


def test_limits_of_workflow_and_arrays_hold_together(path: Path, database: Database) -> None:
    path.bind(max_concurrently_running=5)
    path.add(
        *(task(f"x{number}", array="x", priority=9) for number in range(6)),
        *(task(f"y{number}", array="y", priority=5) for number in range(6)),
        *(task(f"z{number}") for number in range(6)),
        arrays=[{"name": "x", "max_concurrently_running": 1}, {"name": "y", "max_concurrently_running": 2}],
    )
    path.start()
    assert names(path, path.queue()) == ["x0", "y0", "y1", "z0", "z1"]
    assert path.queue() == []
    assert database.read(check) == []


def test_a_limit_of_the_call_is_kept_behind_a_full_array(path: Path) -> None:
    path.bind(*(task(f"x{number}", array="x", priority=9) for number in range(30)), task("z0"), task("z1"))
    path.add(arrays=[{"name": "x", "max_concurrently_running": 1}])
    path.start()
    assert names(path, path.queue(limit=2)) == ["x0", "z0"]


def test_more_than_one_transaction_queues_each_once(path: Path, database: Database) -> None:
    path.bind(*(task(f"t{number}") for number in range(2500))).start()
    ids = path.queue()
    assert len(ids) == len(set(ids)) == 2500
    assert path.workflow()["tasks"] == {"QUEUED": 2500}
    assert database.read(check) == []


def test_only_what_is_ready_is_queued(path: Path) -> None:
    path.bind(task("a"), task("b", "a"), task("c", "a"), task("d", "b", "c")).start()
    (first,) = path.queue()
    path.claim([first])
    path.running(first)
    assert path.queue() == []
    path.done(first)
    middle = path.queue()
    assert names(path, middle) == ["b", "c"]
    path.claim(middle)
    for one in middle:
        path.running(one)
    path.done(middle[0])
    assert path.queue() == []
    path.done(middle[1])
    assert names(path, path.queue()) == ["d"]


def test_a_claim_takes_by_priority_then_the_oldest(path: Path) -> None:
    path.bind(task("a"), task("b", priority=3), task("c"), task("d", cluster="other")).start()
    path.queue()
    claim = "/task_instance/instantiate_task_instances"
    facts = {"distributor": "d", "cluster": "local", "next_report_increment": 60}
    seen = []
    for _ in range(4):
        got = path.post(claim, limit=1, **facts).get_json()
        seen += [
            path.instance(step["task_instance_id"])["name"]
            for batch in got["batches"]
            for step in batch["task_instances"]
        ]
    assert seen == ["b", "a", "c"]
    assert path.post(claim, limit=5, **facts).get_json() == {"batches": [], "outcomes": []}


def test_a_claim_may_be_narrowed_to_a_workflow_and_to_an_array(path: Path) -> None:
    path.bind(task("old")).start().queue()
    path.bind(task("a", array="x"), task("b", array="y"), task("c", array="x"), task("d")).start().queue()
    claim = "/task_instance/instantiate_task_instances"
    facts = {"distributor": "d", "cluster": "local", "next_report_increment": 60, "limit": 9, "detail": True}

    def claimed(**narrowed: int) -> list[str]:
        batches = path.post(claim, **facts, **narrowed).get_json()["batches"]
        return [step["name"] for batch in batches for step in batch["task_instances"]]

    arrays = {
        one["name"]: one["array_id"] for one in path.get(f"/workflow/{path.workflow_id}/arrays")["arrays"]
    }
    assert claimed(array_id=arrays["x"]) == ["a", "c"]
    assert claimed(array_id=arrays["x"], workflow_id=path.workflow_id) == []
    assert sorted(claimed(workflow_id=path.workflow_id)) == ["b", "d"]
    assert claimed() == ["old"]
    refused = path.post(
        claim, distributor="d", next_report_increment=60, task_instance_ids=[1], array_id=arrays["x"]
    )
    assert refused.status_code == 422


def test_a_claim_by_id_tells_each_outcome_and_gives_its_own_again(path: Path) -> None:
    path.bind(*(task(name) for name in "abcd")).start()
    mine, his, done, free = path.queue()
    path.claim([mine])
    path.claim([his], distributor="D")
    path.claim([done])
    path.running(done)
    reply = path.claim([mine, his, done, free, 10**9])
    assert {item["task_instance_id"]: item["outcome"] for item in reply["outcomes"]} == {
        mine: "duplicate",
        his: "fenced",
        done: "invalid",
        10**9: "unknown",
    }
    (batch,) = reply["batches"]
    assert [step["task_instance_id"] for step in batch["task_instances"]] == [mine, free]
    assert [step["array_step_id"] for step in batch["task_instances"]] == [0, 3]
    assert (batch["array_name"], batch["cluster"], batch["queue"], batch["requested_resources"]) == (
        "",
        "local",
        "",
        None,
    )


@pytest.mark.parametrize("other", ["D", "d ", "ď", "d\u0323"])
def test_a_distributors_name_is_compared_exactly(path: Path, other: str) -> None:
    path.bind(task("a")).start()
    (one,) = path.queue()
    path.claim([one], distributor="d")
    assert path.claim([one], distributor=other)["outcomes"][0]["outcome"] == "fenced"


def test_a_claim_sets_status_holder_and_deadline_together(path: Path) -> None:
    path.bind(task("a")).start()
    (one,) = path.queue()
    path.claim([one])
    instance = path.instance(one)
    assert (instance["status"], instance["distributor"], instance["task_status"]) == (
        "INSTANTIATED",
        "d",
        "INSTANTIATING",
    )
    assert instance["report_by"] > instance["instantiated_at"]


@pytest.mark.parametrize(
    "facts",
    [{}, {"cluster": "local"}, {"limit": 1}, {"task_instance_ids": [1], "cluster": "local", "limit": 1}],
)
def test_a_claim_says_ids_or_cluster_and_limit(path: Path, facts: dict[str, Any]) -> None:
    reply = path.post(
        "/task_instance/instantiate_task_instances", distributor="d", next_report_increment=1, **facts
    )
    assert reply.status_code == 422


def test_a_launch_of_a_batch_tells_each_step(path: Path) -> None:
    path.bind(*(task(name) for name in "abc")).start()
    (batch,) = batches(path)
    ids = batch["task_instance_ids"]
    path.claim(ids)
    path.running(ids[1])
    route = f"/array/{batch['array_id']}/batch/{batch['batch_num']}/log_launched"
    reply = path.post(
        route, distributor_ids={"0": "7_0", "1": "7_1", "9": "x"}, next_report_increment=60
    ).get_json()
    assert reply["applied"] == 1
    assert [(item["array_step_id"], item["outcome"]) for item in reply["outcomes"]] == [
        (1, "untimely"),
        (9, "unknown"),
    ]
    assert [path.instance(one)["distributor_id"] for one in ids] == ["7_0", "7_1", None]
    missing = f"/array/{batch['array_id']}/batch/99/log_launched"
    assert path.post(missing, distributor_ids={}, next_report_increment=1).status_code == 404


def test_a_launch_keeps_every_steps_own_id_exactly(path: Path) -> None:
    path.bind(*(task(str(number)) for number in range(40))).start()
    (batch,) = batches(path)
    path.claim(batch["task_instance_ids"])
    odd = [
        "it's",
        'say "1"',
        "a\\b",
        "100%",
        "%s",
        ":own",
        "?",
        "ä",
        "\U0001f680",
        " 7 ",
        "0x41",
        "X",
        "x",
        "n" * 255,
    ]
    said = {
        str(step): odd[step] if step < len(odd) else f"7_{step}"
        for step in [*range(len(odd)), *range(15, 40, 2)]
    }
    route = f"/array/{batch['array_id']}/batch/{batch['batch_num']}/log_launched"
    assert path.post(route, distributor_ids=said, next_report_increment=60).get_json()["applied"] == len(said)
    found = [path.instance(one)["distributor_id"] for one in batch["task_instance_ids"]]
    assert found == [said.get(str(step)) for step in range(40)]


def test_a_batch_of_heartbeats_tells_each_outcome_and_one_bad_id_costs_nothing(path: Path) -> None:
    path.bind(*(task(name) for name in "abcd")).start()
    queued, claimed, running, done = path.queue()
    path.claim([claimed, running, done])
    for one in (running, done):
        path.running(one)
    path.done(done)
    was = {one: path.instance(one)["report_by"] for one in (claimed, running)}
    ids = [10**12, queued, claimed, running, done]
    reply = path.post(
        "/task_instance/log_report_by/batch", task_instance_ids=ids, next_report_increment=999
    ).get_json()
    assert reply["applied"] == 2
    said = {item["task_instance_id"]: (item["outcome"], item["status"]) for item in reply["outcomes"]}
    assert said == {10**12: ("unknown", None), queued: ("invalid", "QUEUED"), done: ("untimely", "DONE")}
    assert all(path.instance(one)["report_by"] > was[one] for one in was)


def test_an_empty_batch_has_counts_of_none(path: Path) -> None:
    empty = {"applied": 0, "outcomes": []}
    assert path.reports() == empty
    batch = path.post("/task_instance/log_report_by/batch", task_instance_ids=[], next_report_increment=1)
    assert (batch.status_code, batch.get_json()) == (200, empty)


def test_one_bad_item_never_costs_the_others(path: Path, database: Database) -> None:
    path.bind(task("a")).start()
    one = path.run_one()
    good = {"task_instance_id": one, "report": "log_done", "worker_id": "worker-1"}
    reply = path.reports("what", {}, {**good, "report": "log_dome"}, {**good, "typo": 1}, good, [good])  # type: ignore[arg-type]
    assert reply["applied"] == 1
    assert [(item["position"], item["outcome"]) for item in reply["outcomes"]] == [
        (position, "malformed") for position in (0, 1, 2, 3, 5)
    ]
    assert path.post("/reports", reports=[good] * 10_001).status_code == 422
    assert path.post("/reports", reports="x").status_code == 422
    assert database.read(check) == []


def test_ten_thousand_reports_in_one_call(path: Path, database: Database) -> None:
    path.bind(*(task(f"t{number}") for number in range(2500))).start()
    ids = path.queue()
    path.claim(ids)
    running = {
        "report": "log_running",
        "worker_id": "w",
        "nodename": "n",
        "process_group_id": 1,
        "next_report_increment": 60,
    }
    done = {"report": "log_done", "worker_id": "w"}
    reports = [{"task_instance_id": one, **what} for what in (running, running, done, done) for one in ids]
    reply = path.reports(*reports)
    assert reply["applied"] == 5000
    assert {item["outcome"] for item in reply["outcomes"]} == {"duplicate"}
    assert len(reply["outcomes"]) == 5000
    eventually(lambda: path.workflow()["status"] == "DONE")
    assert database.read(check) == []


def test_a_whole_batch_with_names_of_the_largest_size(path: Path) -> None:
    longest = "\x01" * 255  # which JSON spells in six characters
    path.bind(*(task(str(number)) for number in range(BATCH))).start()
    ids = path.queue()
    path.claim(ids, distributor=longest)
    start = {"worker_id": longest, "nodename": "n", "process_group_id": 1, "next_report_increment": 60}
    reports = [{"task_instance_id": one, "report": "log_running", **start} for one in ids]
    reports += [{"task_instance_id": one, "report": "log_done", "worker_id": longest} for one in ids]
    assert path.reports(*reports) == {"applied": 2 * BATCH, "outcomes": []}
    reports = [{"task_instance_id": one, "report": "log_done", "worker_id": longest} for one in ids]
    assert {one["outcome"] for one in path.reports(*reports)["outcomes"]} == {"duplicate"}


def test_a_claim_waits_for_nobody_who_has_the_workflow_locked(path: Path, database: Database) -> None:
    one, other = path.bind(task("a"), task("b")).start().queue()
    with ExitStack() as stack:
        if database.engine.dialect.name != "sqlite":  # which has one writer: there all wait for all, shortly
            holder = stack.enter_context(database.engine.connect())
            holder.execute(select(workflow.c.id).where(workflow.c.id == path.workflow_id).with_for_update())
        path.claim([one], distributor="d1")
        path.claim([other], distributor="d2")
        assert set(path.statuses([one, other]).values()) == {"INSTANTIATED"}


def test_the_workflow_runs_from_its_first_queueing_and_a_claim_leaves_it_alone(path: Path) -> None:
    path.bind(task("a"), task("b")).start()
    one, other = path.queue()
    before = path.workflow()
    assert before["status"] == "RUNNING"
    path.claim([one])
    path.claim([other])
    after = path.workflow()
    assert (after["status"], after["updated_at"]) == ("RUNNING", before["updated_at"])
