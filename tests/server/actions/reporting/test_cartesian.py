"""Every situation of an instance × every report, single and in bulk: outcome, code, body and rows are the contract's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_server.db.core.transaction import Database
from tests.server.fsm.cases import tried, verdict_of
from tests.server.fsm.contract import ERROR_STATES
from tests.server.fsm.oracle import Case, Verdict, judge, judge_heartbeat, refused
from tests.support.path import ME, RUNNING, SECONDS, Path, Reply
from tests.support.rows import Row, Rows, read_rows
from tests.support.situations import LOST, SITUATIONS, into

OTHER = "worker-2"
CODES = {"applied": 200, "duplicate": 200, "untimely": 200, "invalid": 409, "fenced": 409}
FAILED = "EZUWF"
DEADLINE = {"next_report_increment": SECONDS}


class Tried(NamedTuple):
    """One report: the name of its route, what it brings, the status it wants ("" for a heartbeat), who speaks."""

    report: str
    facts: dict[str, Any]
    wanted: str
    worker: str | None = None

    @property
    def name(self) -> str:
        """For people."""
        said = self.facts.get("error_state", "default" if self.report == "log_unknown_error" else "")
        return " ".join(filter(None, [self.report, said, self.worker or "distributor"]))


def by_workers() -> Iterator[Tried]:
    for worker in (ME, OTHER):
        me = {"worker_id": worker}
        yield Tried("log_running", RUNNING | me, "R", worker)
        yield Tried("log_report_by", DEADLINE | me, "", worker)
        yield Tried("log_done", me, "D", worker)
        for state in ERROR_STATES:
            facts = {"error_state": state, "error_description": "it broke"} | me
            yield Tried("log_error_worker_node", facts, TI[state].code, worker)


def by_distributors() -> Iterator[Tried]:
    yield Tried("log_distributor_id", {"distributor_id": "late", **DEADLINE}, "O")
    yield Tried("log_no_distributor_id", LOST, "W")
    yield Tried("log_unknown_error", LOST, "U")
    for state in ERROR_STATES:
        for report in ("log_known_error", "log_unknown_error"):
            yield Tried(report, {"error_state": state, **LOST}, TI[state].code)


REPORTS = [*by_workers(), *by_distributors()]


def case_of(instance: Row, its_task: Row, one: Tried) -> Case:
    """What the second opinion asks, read off the rows."""
    speaker = "worker" if one.worker else "distributor"
    holder = "nobody" if instance["worker_id"] is None else "another"
    if holder == "another" and instance["worker_id"] == one.worker:
        holder = "speaker"
    made_it = instance["status_by"] == speaker and (not one.worker or holder == "speaker")
    return Case(
        instance=instance["status"].code,
        task=its_task["status"].code,
        attempts=its_task["num_attempts"],
        maximum=its_task["max_attempts"],
        refunds=its_task["num_refunds"],
        orphan=instance["orphan"],
        requeue=instance["requeue"],
        holder=holder,
        maker="speaker" if made_it else "another",
        overdue=False,
        wanted=one.wanted or instance["status"].code,
        speaker=speaker,
        only_overdue=one.report == "log_unknown_error",
    )


def expected(case: Case, one: Tried) -> Verdict:
    if not one.wanted:
        return judge_heartbeat(case, batch=False)
    verdict = judge(case)
    assert verdict_of(tried(case).plan) == verdict
    return verdict


def check_reply(reply: Reply, verdict: Verdict, one: Tried) -> None:
    body = reply.get_json()
    assert reply.status_code == CODES[verdict.outcome], body
    assert body["outcome"] == verdict.outcome, body
    check_item(body, verdict)
    assert body["commands"] == []
    has_assignment = one.report == "log_running" and verdict.outcome in {"applied", "duplicate"}
    assert ("task_instance" in body) == has_assignment


def check_item(item: dict[str, Any], verdict: Verdict) -> None:
    """What single replies and the items of a batch have in common."""
    assert item["outcome"] == verdict.outcome, item
    assert TI[item["status"]].code == verdict.instance, item
    assert (item["report_by"] is None) == (verdict.instance in "Q" + FAILED + "D"), item
    assert ("error" in item) == (CODES[verdict.outcome] != 200)
    if "error" in item:
        assert item["error"]["code"] == verdict.outcome


def check_rows(was: Rows, now: Rows, one: int, told: Tried, verdict: Verdict) -> None:
    """The rows are as the verdict says, and nothing else has changed."""
    instance, its_task, journal, errors = was.of(one)
    instance_now, task_now, journal_now, errors_now = now.of(one)
    moved = verdict.outcome == "applied" and verdict.instance != instance["status"].code
    assert instance_now["status"].code == verdict.instance
    assert (task_now["status"].code, task_now["num_attempts"]) == (verdict.task, verdict.attempts)
    assert len(errors_now) - len(errors) == (moved and verdict.instance in FAILED)
    is_written = moved or (told.wanted != "" and verdict.outcome not in {"duplicate", "applied"})
    assert len(journal_now) - len(journal) == is_written
    if is_written:
        check_journal(journal_now[-1], instance, its_task, told, verdict)
    if verdict.outcome != "applied":
        is_launch = told.report in {"log_distributor_id", "log_launched"}
        keeps_late_id = is_launch and verdict.outcome != "invalid"
        changed = {key for key, value in instance.items() if instance_now[key] != value}
        assert changed <= ({"distributor_id", "updated_at", "report_by"} if keeps_late_id else set())
        assert its_task == task_now
        assert (instance_now["distributor_id"] == "late") == keeps_late_id


def check_journal(entry: Row, instance: Row, its_task: Row, told: Tried, verdict: Verdict) -> None:
    assert (entry["was"], entry["outcome"]) == (instance["status"], verdict.outcome)
    stopped = verdict.outcome == "applied" and told.wanted == "R" and verdict.instance != "R"
    assert entry["wanted"].code == (verdict.instance if stopped or not told.wanted else told.wanted)
    assert entry["task_from"] == its_task["status"]
    assert entry["task_to"].code == verdict.task
    assert (entry["reporter"], entry["reporter_id"]) == (
        "worker" if told.worker else "distributor",
        told.worker,
    )
    assert (entry["reason"] == "told to stop") == stopped


def comparable(rows: Rows, one: int) -> list[Any]:
    """The rows of an instance without what differs from one instance to the next."""
    instance, its_task, journal, errors = rows.of(one)
    mine = {"id", "task_id", "task_instance_id", "array_step_id", "name", "definition_digest"}

    def plain(row: Row) -> Row:
        timeless = {
            key: value is None if key.endswith(("_at", "time", "report_by")) else value
            for key, value in row.items()
        }
        reason = str(timeless.get("reason")).partition(" passed at")[0]
        description = str(timeless.get("description")).partition(" passed at")[0]
        shown = {"reason": reason, "description": description}
        return {key: shown.get(key, value) for key, value in timeless.items() if key not in mine}

    return [plain(instance), plain(its_task), [plain(row) for row in journal], [plain(row) for row in errors]]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_report_in_every_situation_single_and_in_bulk(
    path: Path, database: Database, situation: str
) -> None:
    path.bind().start()
    ids = into(path, situation, 2 * len(REPORTS))
    single, bulk = ids[: len(REPORTS)], ids[len(REPORTS) :]
    was = database.read(read_rows)
    replies = [path.report(one, told.report, **told.facts) for one, told in zip(single, REPORTS, strict=True)]
    items = [
        {"task_instance_id": one, "report": told.report, **told.facts}
        for one, told in zip(bulk, REPORTS, strict=True)
    ]
    batch = path.reports(*items)
    said = {item["position"]: item for item in batch["outcomes"]}
    now = database.read(read_rows)
    applied = 0
    for position, (one, other, told, reply) in enumerate(zip(single, bulk, REPORTS, replies, strict=True)):
        instance, its_task, *_ = was.of(one)
        verdict = expected(case_of(instance, its_task, told), told)
        check_reply(reply, verdict, told)
        check_rows(was, now, one, told, verdict)
        assert comparable(now, one) == comparable(now, other), told.name
        applied += verdict.outcome == "applied"
        is_listed = verdict.outcome != "applied" or verdict.instance != (told.wanted or verdict.instance)
        assert (position in said) == is_listed, told.name
        if is_listed:
            check_item(said[position], verdict)
    assert batch["applied"] == applied


BEAT = Tried("log_report_by/batch", DEADLINE, "")
LAUNCH = Tried("log_launched", DEADLINE, "O")


def test_a_batch_heartbeat_and_a_batch_launch_in_every_situation(path: Path, database: Database) -> None:
    for situation in SITUATIONS:
        path.bind().start()
        beat_and_launch(path, database, situation)


def beat_and_launch(path: Path, database: Database, situation: str) -> None:
    beaten, launched = into(path, situation, 2)
    was = database.read(read_rows)
    place = path.instance(launched)
    batch = f"/array/{place['array_id']}/batch/{place['batch_num']}"
    replies = {
        beaten: path.post("/task_instance/log_report_by/batch", task_instance_ids=[beaten], **DEADLINE),
        launched: path.post(
            f"{batch}/log_launched", distributor_ids={str(place["array_step_id"]): "late"}, **DEADLINE
        ),
    }
    now = database.read(read_rows)
    for one, told in ((beaten, BEAT), (launched, LAUNCH)):
        case = case_of(*was.of(one)[:2], told)
        verdict = judge_heartbeat(case, batch=True) if told is BEAT else judge(case)
        reply = replies[one].get_json()
        assert (replies[one].status_code, reply["applied"]) == (200, verdict.outcome == "applied")
        assert [item["task_instance_id"] for item in reply["outcomes"]] == [one] * (
            verdict.outcome != "applied"
        )
        for item in reply["outcomes"]:
            check_item(item, verdict)
            assert item["array_step_id"] == was.task_instances[one]["array_step_id"]
        check_rows(was, now, one, told, verdict)


def test_a_claim_in_every_situation(path: Path, database: Database) -> None:
    for situation in SITUATIONS:
        path.bind().start()
        for distributor, one in zip("de", into(path, situation, 2), strict=True):
            claim(path, database, one, distributor)


def claim(path: Path, database: Database, one: int, distributor: str) -> None:
    was = database.read(read_rows)
    reply = path.claim([one], distributor=distributor)
    now = database.read(read_rows)
    instance, its_task, journal, _ = was.of(one)
    verdict = refused(case_of(instance, its_task, BEAT), claim_outcome(instance, distributor))
    if verdict.outcome == "applied":
        verdict = verdict._replace(instance="I", task="I")
    is_held = verdict.outcome in {"applied", "duplicate"}
    given = [step["task_instance_id"] for batch in reply["batches"] for step in batch["task_instances"]]
    assert given == [one] * is_held
    assert len(reply["outcomes"]) == (verdict.outcome != "applied")
    for item in reply["outcomes"]:
        check_item(item, verdict)
    assert len(now.journal[one]) - len(journal) == (verdict.outcome != "duplicate")
    if verdict.outcome != "applied":
        assert (now.task_instances[one], now.tasks[its_task["id"]]) == (instance, its_task)


def claim_outcome(instance: Row, distributor: str) -> str:
    if instance["status"] is TI.QUEUED:
        return "applied"
    if instance["distributor"] not in {None, distributor}:
        return "fenced"
    return "duplicate" if instance["status"] is TI.INSTANTIATED else "invalid"
