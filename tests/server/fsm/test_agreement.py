"""The tables that run and the contract typed by hand say the same, both ways."""

from __future__ import annotations

import pytest

from jobmon_client.states import (
    Outcome,
    Reporter,
    Status,
    TaskInstanceStatus,
    TaskStatus,
    WorkflowRunStatus,
    WorkflowStatus,
)
from jobmon_server.fsm import task_instance as instance_module
from jobmon_server.fsm.plan import MAX_REFUNDS, By, Pair, plan_transition
from jobmon_server.fsm.table import S, Table
from jobmon_server.fsm.task import LIVE, QUEUEABLE, TASK
from jobmon_server.fsm.task_instance import TASK_INSTANCE
from jobmon_server.fsm.workflow import RUN_ENDS, WORKFLOW, WORKFLOW_RUN
from tests.server.fsm import contract


def letters(statuses: frozenset[S]) -> str:
    return "".join(sorted(status.code for status in statuses))


def pairs(table: Table[S], *, operator: bool) -> list[str]:
    return sorted(edge.was.code + edge.to.code for edge in table.edges if edge.operator is operator)


def in_letters(moves: dict[TaskInstanceStatus, TaskInstanceStatus]) -> dict[str, str]:
    return {was.code: to.code for was, to in moves.items()}


def test_instance_edges_agree() -> None:
    expected = sorted(was + to for was, targets in contract.INSTANCE_EDGES.items() for to in targets)
    assert pairs(TASK_INSTANCE, operator=False) == expected
    assert pairs(TASK_INSTANCE, operator=True) == []


@pytest.mark.parametrize("was", TaskInstanceStatus)
@pytest.mark.parametrize("to", TaskInstanceStatus)
def test_every_pair_of_instance_statuses_is_an_edge_or_untimely_or_neither(
    was: TaskInstanceStatus, to: TaskInstanceStatus
) -> None:
    assert TASK_INSTANCE.allows(was, to) is (to.code in contract.INSTANCE_EDGES.get(was.code, ""))
    assert TASK_INSTANCE.is_untimely(was, to) is (was.code + to.code in contract.UNTIMELY)


def test_untimely_pairs_agree() -> None:
    assert sorted(edge.was.code + edge.to.code for edge in TASK_INSTANCE.untimely) == sorted(
        contract.UNTIMELY
    )
    assert not [*TASK.untimely, *WORKFLOW.untimely, *WORKFLOW_RUN.untimely]


def test_task_edges_agree() -> None:
    assert pairs(TASK, operator=False) == sorted(contract.TASK_EDGES)
    assert pairs(TASK, operator=True) == sorted(contract.TASK_OPERATOR_EDGES)


@pytest.mark.parametrize("was", TaskStatus)
@pytest.mark.parametrize("to", TaskStatus)
def test_every_pair_of_task_statuses_is_an_edge_or_not(was: TaskStatus, to: TaskStatus) -> None:
    expected = was.code + to.code in {*contract.TASK_EDGES, *contract.TASK_OPERATOR_EDGES}
    assert TASK.allows(was, to) is expected


def test_terminal_sets_agree() -> None:
    assert letters(TASK_INSTANCE.terminal) == "".join(sorted(contract.INSTANCE_TERMINAL))
    assert letters(TASK.terminal) == "".join(sorted(contract.TASK_TERMINAL))
    assert {str(status) for status in WORKFLOW.terminal} == contract.WORKFLOW_TERMINAL
    assert {str(status) for status in WORKFLOW_RUN.terminal} == contract.RUN_TERMINAL


@pytest.mark.parametrize(
    "table", [TASK_INSTANCE, TASK, WORKFLOW, WORKFLOW_RUN], ids=lambda table: table.statuses
)
def test_live_and_terminal_are_all_and_apart(table: Table[Status]) -> None:
    assert table.live | table.terminal == set(table.statuses)
    assert not table.live & table.terminal


def test_codes_agree() -> None:
    assert {str(status): status.code for status in TaskInstanceStatus} == contract.INSTANCE_CODES
    assert {str(status): status.code for status in TaskStatus} == contract.TASK_CODES
    assert "".join(status.code for status in TaskInstanceStatus) == contract.INSTANCE_LETTERS
    assert "".join(status.code for status in TaskStatus) == contract.TASK_LETTERS


@pytest.mark.parametrize("statuses", [TaskInstanceStatus, TaskStatus, WorkflowStatus, WorkflowRunStatus])
def test_a_code_is_one_letter_and_leads_back(statuses: type[Status]) -> None:
    assert len({status.code for status in statuses}) == len(statuses)
    for status in statuses:
        assert len(status.code) == 1
        assert statuses.from_code(status.code) is status
        assert statuses.__members__[str(status)] is status


def test_a_code_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="'S' is no code of TaskInstanceStatus"):
        TaskInstanceStatus.from_code("S")


def test_words_agree() -> None:
    assert {str(status) for status in WorkflowStatus} == contract.WORKFLOW_NAMES
    assert {str(status) for status in WorkflowRunStatus} == contract.RUN_NAMES
    assert {str(outcome) for outcome in Outcome} == contract.OUTCOMES
    assert {str(reporter) for reporter in Reporter} == contract.REPORTERS


def test_initial_statuses_agree() -> None:
    assert [table.initial.code for table in (TASK_INSTANCE, TASK)] == ["Q", "G"]
    assert [str(WORKFLOW.initial), str(WORKFLOW_RUN.initial)] == ["REGISTERED", "BOUND"]


#: A pair from which each piece of news is an edge of both tables: (instance, task).
TELLERS = {
    "I": ("Q", "Q"),
    "O": ("I", "I"),
    "R": ("O", "O"),
    "D": ("R", "R"),
    "T": ("R", "R"),
    "X": ("O", "O"),
    "K": ("R", "R"),
    "E": ("R", "R"),
    "U": ("R", "R"),
    "W": ("I", "I"),
    "Z": ("R", "R"),
    "F": ("R", "R"),
}


@pytest.mark.parametrize("news", contract.NEWS)
@pytest.mark.parametrize("spent", [False, True])
def test_what_an_instances_news_means_for_its_task(news: str, spent: bool) -> None:
    instance, task = TELLERS[news]
    was = Pair(
        TaskInstanceStatus.from_code(instance),
        TaskStatus.from_code(task),
        num_attempts=3 if spent else 2,
        max_attempts=3,
    )
    plan = plan_transition(was, TaskInstanceStatus.from_code(news), By(Reporter.DISTRIBUTOR))
    path = contract.NEWS[news][spent]
    assert plan.outcome is Outcome.APPLIED
    assert "".join(step.code for step in plan.task_path) == path
    assert plan.task.code == (path or task)[-1]


def test_every_news_but_the_first_is_written_down() -> None:
    assert set(contract.NEWS) == set(contract.INSTANCE_LETTERS) - {"Q"}


def test_deadlines_agree() -> None:
    assert in_letters(instance_module.WHEN_OVERDUE) == contract.WHEN_OVERDUE
    assert letters(instance_module.EXTENDED_BY_WORKER) == contract.EXTENDED_BY_WORKER
    assert letters(instance_module.EXTENDED_BY_BATCH) == contract.EXTENDED_BY_BATCH
    assert letters(instance_module.ASKS_DEADLINE) == contract.ASKS_DEADLINE


def test_what_is_told_to_stop_agrees() -> None:
    assert in_letters(instance_module.TOLD_TO_STOP) == contract.TOLD_TO_STOP


def test_stopping_kills_what_somebody_may_hold_and_closes_the_rest() -> None:
    live = [status for status in TaskInstanceStatus if status.code not in contract.INSTANCE_TERMINAL]
    assert {
        status.code: instance_module.when_stopped(status).code for status in live
    } == contract.WHEN_STOPPED


def test_derived_sets_agree() -> None:
    assert [str(state) for state in instance_module.ERROR_STATES] == contract.ERROR_STATES
    assert letters(instance_module.FAILED) == "".join(sorted("EZUWF"))
    assert letters(LIVE) == "".join(sorted("QIOR"))
    assert letters(QUEUEABLE) == "AG"
    assert {str(workflow): str(run) for workflow, run in RUN_ENDS.items()} == contract.RUN_ENDS
    assert MAX_REFUNDS == 10


def test_a_run_begins_once_and_ends_once() -> None:
    edges = {(str(edge.was), str(edge.to)) for edge in WORKFLOW_RUN.edges}
    ends = {(was, to) for was in ("BOUND", "RUNNING") for to in contract.RUN_TERMINAL}
    assert edges == {("BOUND", "RUNNING")} | ends
