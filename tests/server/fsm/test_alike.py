"""What is planned once for many: nothing but both statuses may count in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import product
from typing import Any

import pytest

from jobmon_client.states import LostContact, Reporter, TaskStatus
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_server.actions.reporting.decision import Decisions, decide
from jobmon_server.actions.reporting.report_types import REPORTS, Report
from jobmon_server.db.instances.uniform_writes import typical
from jobmon_server.fsm.plan import By, Pair, Plan, plan_claim, plan_heartbeat, plan_transition
from jobmon_server.fsm.task_instance import EXTENDED_BY_BATCH

DISTRIBUTOR = By(Reporter.DISTRIBUTOR)
NOW = datetime.fromisoformat("2026-01-01")


def alike(status: TI, task: TaskStatus) -> list[Pair]:
    """Pairs of these statuses that differ in all else; none is an orphan."""
    return [
        Pair(status, task, attempts, most, refunds, holder, by, requeue=requeue, overdue=overdue)
        for attempts, most, refunds, holder, by, requeue, overdue in product(
            (1, 3), (1, 3), (0, 10), (None, "w"), (None, DISTRIBUTOR), (False, True), (False, True)
        )
    ]


def told(was: Pair, plan: Plan) -> Plan:
    """A plan, with what becomes of the counts instead of the counts."""
    return replace(
        plan,
        num_attempts=plan.num_attempts - was.num_attempts,
        num_refunds=plan.num_refunds - was.num_refunds,
    )


def test_a_claim() -> None:
    pairs = alike(TI.QUEUED, TaskStatus.QUEUED)
    assert {told(was, plan_claim(was, None, "d")).task_instance for was in pairs} == {TI.INSTANTIATED}
    assert len({told(was, plan_claim(was, None, "d")) for was in pairs}) == 1


def test_a_launch() -> None:
    pairs = alike(TI.INSTANTIATED, TaskStatus.INSTANTIATING)
    plans = {told(was, plan_transition(was, TI.LAUNCHED, DISTRIBUTOR)) for was in pairs}
    assert [(plan.task_instance, plan.task) for plan in plans] == [(TI.LAUNCHED, TaskStatus.LAUNCHED)]


@pytest.mark.parametrize("status", sorted(EXTENDED_BY_BATCH))
def test_a_heartbeat_in_a_batch(status: TI) -> None:
    for task, orphan in product(TaskStatus, (False, True)):
        pairs = [replace(was, orphan=orphan) for was in alike(status, task)]
        assert all(plan_heartbeat(was, DISTRIBUTOR, batch=True).applied for was in pairs)


FACTS = {"worker_id": "w", "next_report_increment": 60.0, "error_message": "lost", "error_description": "bad"}
BROUGHT: list[dict[str, Any]] = [
    {"nodename": "n", "process_group_id": 1},
    {"nodename": "n", "process_group_id": 2},
    {"reason_code": "oom", "attributes": {"a": 1}},
    {"reason_code": "else", "attributes": {"a": 2}},
]
STATES: dict[str, dict[str, Any]] = {
    "log_error_worker_node": {"error_state": TI.ERROR},
    "log_known_error": {"error_state": TI.ERROR},
    "log_distributor_id": {"distributor_id": "7"},
}


@pytest.mark.parametrize("status", TI)
def test_reports_in_a_batch(status: TI) -> None:
    reports = [
        make(**{**FACTS, **STATES.get(name, {}), **brought})
        for name, make in REPORTS.items()
        for brought in BROUGHT
    ]
    for pair in alike(status, TaskStatus.RUNNING):
        decisions = Decisions()
        for number, news in enumerate(reports):
            was = replace(typical(pair, NOW), task_instance_id=number, next_report_increment=30.0)
            assert decisions.decide(was, news) == decide(was, news)


PAIR = Pair(TI.RUNNING, TaskStatus.RUNNING, 1, 3, 0, "w", By(Reporter.WORKER, "w"))
LAST = Pair(TI.RUNNING, TaskStatus.RUNNING, 3, 3, 0, "w", By(Reporter.WORKER, "w"))
LAUNCHED = Pair(TI.LAUNCHED, TaskStatus.LAUNCHED, 1, 3, 0, None, DISTRIBUTOR)
FAILED = {"worker_id": "w", "error_state": TI.ERROR, "error_description": "bad"}
#: For each part of what reports are decided together by: two reports, and how their pairs stand, that differ in it alone.
PARTS: dict[
    str, tuple[tuple[str, dict[str, Any], dict[str, Any]], tuple[str, dict[str, Any], dict[str, Any]]]
] = {
    "how the pair stands": (
        ("log_error_worker_node", FAILED, {"pair": PAIR}),
        ("log_error_worker_node", FAILED, {"pair": LAST}),
    ),
    "whether the command was started before": (
        ("log_running", FACTS, {"pair": LAUNCHED, "is_started": False}),
        ("log_running", FACTS, {"pair": LAUNCHED, "is_started": True}),
    ),
    "the increment that the instance has": (
        ("reaped", {}, {"next_report_increment": 30.0}),
        ("reaped", {}, {"next_report_increment": 60.0}),
    ),
    "the status that is wanted": (
        ("log_error_worker_node", {**FAILED, "error_state": TI.ERROR_FATAL}, {}),
        ("log_error_worker_node", FAILED, {}),
    ),
    "who reports": (
        ("log_error_worker_node", {"worker_id": "w", "error_state": TI.ERROR, "error_description": "x"}, {}),
        ("log_known_error", {"error_state": TI.ERROR, "error_message": "x"}, {}),
    ),
    "the increment that is reported": (
        ("log_running", FACTS, {"pair": LAUNCHED}),
        ("log_running", {**FACTS, "next_report_increment": 90.0}, {"pair": LAUNCHED}),
    ),
    "the text": (
        ("log_error_worker_node", FAILED, {}),
        ("log_error_worker_node", {**FAILED, "error_description": "worse"}, {}),
    ),
    "whether only what is overdue is meant": (
        ("log_known_error", {"error_state": TI.UNKNOWN_ERROR, "error_message": "x"}, {}),
        ("log_unknown_error", {"error_state": TI.UNKNOWN_ERROR, "error_message": "x"}, {}),
    ),
    "until when its holder alone may end it": (
        ("log_running", FACTS, {"pair": LAUNCHED, "contact_until": None}),
        ("log_running", FACTS, {"pair": LAUNCHED, "contact_until": NOW}),
    ),
    "what its workflow says of workers out of touch": (
        ("log_running", FACTS, {"pair": LAUNCHED, "lost_contact": LostContact.CONTINUE}),
        ("log_running", FACTS, {"pair": LAUNCHED, "lost_contact": LostContact.STOP}),
    ),
    "which facts are brought": (
        ("log_done", {"worker_id": "w", "stdout_log": "out", "stderr_log": "err"}, {}),
        ("log_done", {"worker_id": "w", "stdout_log": "out"}, {}),
    ),
}


def reaped() -> Report:
    """The reaper's report on an instance whose deadline has passed."""
    return Report(TI.TRIAGING, By(Reporter.REAPER))


@pytest.mark.parametrize("part", PARTS)
def test_reports_that_differ_in_one_part_are_decided_apart(part: str) -> None:
    decisions, changes = Decisions(), []
    for name, facts, stands in PARTS[part]:
        news = reaped() if name == "reaped" else REPORTS[name](**facts)
        was = replace(typical(PAIR, NOW), **{"next_report_increment": 30.0, **stands})
        changes.append(replace(decide(was, news), was=typical(PAIR, NOW)))
        assert decisions.decide(was, news) == decide(was, news)
    first, second = changes
    assert first != second, "the two have to differ, or this shows nothing"
