"""The plan against a second opinion, over the whole product of what a pair and a report can be.

Thinned by equivalence only, each equivalence being a test of its own: who made a status matters when that
status is wanted, the mark to start afresh when an end for good is; a deadline matters to who asks for it; one
attempt of one allowed stands for all maxima; a distributor stands for operator and run.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from jobmon_client.states import Outcome
from jobmon_client.states import TaskStatus as T
from jobmon_server.fsm.plan import after, plan_transition
from jobmon_server.fsm.task import TASK
from jobmon_server.fsm.task_instance import TASK_INSTANCE
from tests.server.fsm.cases import WHO, YES_NO, Tried, tried, verdict_of
from tests.server.fsm.contract import INSTANCE_LETTERS, INSTANCE_TERMINAL, TASK_LETTERS
from tests.server.fsm.oracle import Case, judge

SPEAKERS = ("worker", "distributor", "reaper")
#: overdue, only_overdue: what a report does not ask makes no difference to it.
DEADLINES = ((False, False), (False, True), (True, True))
#: What can close an instance as ERROR_FATAL: saying so, and starting when it is told to stop.
ENDS_FOR_GOOD = "FR"


def every_case(instance: str) -> Iterator[Case]:
    sides = product(TASK_LETTERS, (0, 1, 2), YES_NO, WHO, INSTANCE_LETTERS, SPEAKERS, DEADLINES)
    for task, attempts, orphan, holder, wanted, speaker, (overdue, only_overdue) in sides:
        marks = YES_NO if wanted in ENDS_FOR_GOOD else YES_NO[:1]
        makers = WHO if wanted == instance else WHO[:1]
        for requeue, maker in product(marks, makers):
            yield Case(
                instance, task, attempts, 1, 0, orphan, requeue,
                holder, maker, overdue, wanted, speaker, only_overdue,
            )  # fmt: skip


def can_be(case: Case) -> bool:
    """Tell whether the contract speaks of it: only workers say RUNNING, and what runs is held by one."""
    only_workers_run = case.wanted != "R" or case.speaker == "worker"
    return only_workers_run and not (case.instance in "RT" and case.holder == "nobody")


@pytest.fixture(scope="module", params=INSTANCE_LETTERS)
def everything(request: pytest.FixtureRequest) -> list[Tried]:
    """Every case of one instance status, planned; building it is itself the test that the plan is total."""
    return [tried(case) for case in every_case(request.param)]


def test_the_plan_agrees_with_the_second_opinion(everything: list[Tried]) -> None:
    compared = [
        (each.case, verdict_of(each.plan), judge(each.case)) for each in everything if can_be(each.case)
    ]
    assert len(compared) > 10_000
    assert [each for each in compared if each[1] != each[2]][:5] == []


def test_an_applied_plan_walks_edges_of_both_tables(everything: list[Tried]) -> None:
    for _, was, _, _, plan in everything:
        if plan.applied:
            assert TASK_INSTANCE.allows(was.task_instance, plan.task_instance)
            assert plan.task_instance != was.task_instance
            assert TASK.allows(was.task, *plan.task_path)
            assert plan.task == (plan.task_path or (was.task,))[-1]


def test_any_other_outcome_changes_nothing(everything: list[Tried]) -> None:
    for _, was, wanted, _, plan in everything:
        if not plan.applied:
            assert (plan.task_instance, plan.task) == (was.task_instance, was.task)
            assert (plan.num_attempts, plan.num_refunds) == (was.num_attempts, was.num_refunds)
            assert plan.task_path == ()
            assert plan.wanted in {wanted, *TASK_INSTANCE.terminal}


def test_the_outcome_is_one_that_a_known_pair_can_have(everything: list[Tried]) -> None:
    never = {Outcome.UNKNOWN, Outcome.BUSY, Outcome.MALFORMED}
    assert not {each.plan.outcome for each in everything} & never


def test_the_same_report_again_is_a_duplicate(everything: list[Tried]) -> None:
    for _, was, _, by, plan in everything:
        if plan.applied:
            again = plan_transition(after(was, plan, by), plan.wanted, by)
            assert again.outcome is Outcome.DUPLICATE
            assert again.task_instance == plan.task_instance


def test_an_ended_instance_stays_as_it_is(everything: list[Tried]) -> None:
    for case, *_, plan in everything:
        if case.instance in INSTANCE_TERMINAL:
            assert not plan.applied


def test_an_orphan_only_ends_and_leaves_its_task_alone(everything: list[Tried]) -> None:
    for case, was, _, _, plan in everything:
        if case.orphan or was.task in TASK.terminal:
            assert plan.task == was.task
            assert (plan.num_attempts, plan.num_refunds) == (was.num_attempts, was.num_refunds)
            assert not plan.applied or plan.task_instance in TASK_INSTANCE.terminal


def test_attempts_are_given_back_one_at_a_time_and_never_below_none(everything: list[Tried]) -> None:
    for case, was, _, _, plan in everything:
        assert 0 <= plan.num_attempts <= was.num_attempts
        assert plan.num_refunds - was.num_refunds in (0, 1)
        if plan.num_attempts < was.num_attempts - 1:
            assert case.requeue


def test_a_task_never_rests_in_error_recoverable(everything: list[Tried]) -> None:
    assert all(each.plan.task is not T.ERROR_RECOVERABLE or each.case.task == "E" for each in everything)


def test_who_made_a_status_matters_only_when_it_is_wanted() -> None:
    sides = product(INSTANCE_LETTERS, TASK_LETTERS, INSTANCE_LETTERS, SPEAKERS, WHO)
    for instance, task, wanted, speaker, holder in sides:
        if wanted != instance:
            case = Case(
                instance, task, 1, 3, 0, False, False, holder, "nobody", True, wanted, speaker, True
            )  # fmt: skip
            plans = {tried(case._replace(maker=maker)).plan for maker in WHO}
            assert len(plans) == 1


def test_the_mark_to_start_afresh_matters_only_when_an_end_for_good_is_wanted() -> None:
    sides = product(INSTANCE_LETTERS, TASK_LETTERS, INSTANCE_LETTERS, SPEAKERS, (0, 1, 2), YES_NO)
    for instance, task, wanted, speaker, attempts, orphan in sides:
        if wanted not in ENDS_FOR_GOOD:
            case = Case(
                instance, task, attempts, 1, 0, orphan, False,
                "speaker", "nobody", False, wanted, speaker, False,
            )  # fmt: skip
            assert tried(case).plan == tried(case._replace(requeue=True)).plan


def test_a_deadline_matters_only_to_the_report_that_asks_for_it() -> None:
    sides = product(INSTANCE_LETTERS, TASK_LETTERS, INSTANCE_LETTERS, SPEAKERS, WHO, WHO)
    for instance, task, wanted, speaker, holder, maker in sides:
        case = Case(instance, task, 1, 3, 0, False, False, holder, maker, False, wanted, speaker, False)
        assert tried(case).plan == tried(case._replace(overdue=True)).plan


def test_operator_and_run_are_heard_as_a_distributor_is() -> None:
    sides = product(INSTANCE_LETTERS, TASK_LETTERS, INSTANCE_LETTERS, YES_NO, YES_NO, WHO)
    for instance, task, wanted, orphan, requeue, maker in sides:
        case = Case(
            instance, task, 1, 3, 0, orphan, requeue, "speaker", maker, False, wanted, "distributor", False
        )  # fmt: skip
        plans = {
            tried(case._replace(speaker=who)).plan for who in ("distributor", "operator", "workflow_run")
        }
        assert len(plans) == 1


@pytest.mark.parametrize("maximum", [1, 2, 3, 7])
def test_only_what_is_left_of_the_attempts_matters(maximum: int) -> None:
    for instance, task, wanted, spent in product(
        INSTANCE_LETTERS, TASK_LETTERS, INSTANCE_LETTERS, (-1, 0, 1)
    ):
        case = Case(
            instance, task, 1 + spent, 1, 0, False, False, "speaker", "nobody", False, wanted, "worker", False
        )  # fmt: skip
        one = tried(case).plan
        many = tried(case._replace(attempts=maximum + spent, maximum=maximum)).plan
        assert (one.outcome, one.task_path, one.task_instance) == (
            many.outcome,
            many.task_path,
            many.task_instance,
        )
