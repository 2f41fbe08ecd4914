"""Single rules of the plan, each by name: giving back, told to stop, signs of life, the holder, the claim."""

from __future__ import annotations

from itertools import product

import pytest

from jobmon_client.states import Outcome, Reporter
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus as T
from jobmon_server.fsm.plan import MAX_REFUNDS, By, Pair, after, plan_claim, plan_heartbeat, plan_transition
from tests.server.fsm.cases import ANOTHER, INSTANCE, ME, SPEAKING, WHO, YES_NO, pair_of, tried, verdict_of
from tests.server.fsm.contract import INSTANCE_LETTERS, INSTANCE_TERMINAL, TASK_LETTERS
from tests.server.fsm.oracle import Case, judge, judge_heartbeat


@pytest.mark.parametrize("refunds", range(MAX_REFUNDS + 2))
@pytest.mark.parametrize("speaker", ["reaper", "distributor"])
def test_an_attempt_is_given_back_ten_times_and_by_the_reaper_only(refunds: int, speaker: str) -> None:
    case = Case("I", "I", 3, 3, refunds, False, False, "nobody", "nobody", True, "W", speaker, False)
    plan = tried(case).plan
    given_back = speaker == "reaper" and refunds < 10
    assert verdict_of(plan) == judge(case)
    assert plan.task is (T.REGISTERING if given_back else T.ERROR_FATAL)
    assert (plan.num_attempts, plan.num_refunds) == ((2, refunds + 1) if given_back else (3, refunds))


def test_a_task_that_nobody_ever_starts_ends_after_its_refunds_and_its_attempts() -> None:
    attempts = refunds = instances = 0
    task = T.REGISTERING
    while task is T.REGISTERING:
        was = Pair(TI.INSTANTIATED, T.INSTANTIATING, attempts + 1, 3, refunds)
        plan = plan_transition(was, TI.NO_DISTRIBUTOR_ID, SPEAKING["reaper"])
        task, attempts, refunds, instances = plan.task, plan.num_attempts, plan.num_refunds, instances + 1
    assert (task, attempts, refunds, instances) == (T.ERROR_FATAL, 3, 10, 13)


@pytest.mark.parametrize(("instance", "closed", "task"), [("K", "F", "F"), ("X", "E", "G")])
def test_a_worker_that_starts_too_late_is_told_to_stop(instance: str, closed: str, task: str) -> None:
    case = Case(instance, "O", 1, 3, 0, False, False, "nobody", "nobody", False, "R", "worker", False)
    plan = tried(case).plan
    assert (plan.outcome, plan.reason) == (Outcome.APPLIED, "told to stop")
    assert (plan.task_instance.code, plan.wanted.code, plan.task.code) == (closed, closed, task)


@pytest.mark.parametrize(
    ("requeue", "orphan", "task"), [(True, False, "G"), (False, True, "S"), (True, True, "S")]
)
def test_told_to_stop_a_marked_one_starts_afresh_and_a_stop_overrides_it(
    requeue: bool, orphan: bool, task: str
) -> None:
    was = "S" if orphan else "O"
    case = Case("K", was, 2, 3, 1, orphan, requeue, "nobody", "nobody", False, "R", "worker", False)
    plan = tried(case).plan
    assert (plan.task_instance, plan.task.code) == (TI.ERROR_FATAL, task)
    assert plan.num_attempts == (2 if orphan else 0)


@pytest.mark.parametrize("instance", "KX")
def test_a_late_copy_of_the_holders_first_report_does_not_close_the_instance(instance: str) -> None:
    case = Case(instance, "R", 1, 3, 0, False, False, "speaker", "nobody", False, "R", "worker", False)
    plan = tried(case).plan
    assert (plan.outcome, plan.task_instance.code) == (Outcome.UNTIMELY, instance)
    assert plan.wanted is TI.RUNNING


@pytest.mark.parametrize("instance", INSTANCE_LETTERS)
@pytest.mark.parametrize("batch", YES_NO, ids=["single", "batch"])
def test_a_heartbeat_agrees_with_the_second_opinion(instance: str, batch: bool) -> None:
    sides = product(TASK_LETTERS, (0, 1, 2), YES_NO, YES_NO, WHO, WHO, YES_NO)
    for task, attempts, orphan, requeue, holder, maker, overdue in sides:
        speaker = "distributor" if batch else "worker"
        case = Case(
            instance, task, attempts, 1, 0, orphan, requeue, holder, maker, overdue, "", speaker, False
        )  # fmt: skip
        plan = plan_heartbeat(pair_of(case), SPEAKING[speaker], batch=batch)
        assert verdict_of(plan) == judge_heartbeat(case, batch=batch), case


#: What a heartbeat of the worker, and one in a batch, does in each status: the contract's two sentences.
SIGNS_OF_LIFE = {
    "Q": ("invalid", "invalid"),
    "I": ("invalid", "applied"),
    "O": ("invalid", "applied"),
    "R": ("applied", "applied"),
    "T": ("applied", "applied"),
    "X": ("untimely", "untimely"),
    "K": ("untimely", "untimely"),
    **dict.fromkeys(INSTANCE_TERMINAL, ("untimely", "untimely")),
}


@pytest.mark.parametrize("instance", INSTANCE_LETTERS)
@pytest.mark.parametrize("batch", YES_NO, ids=["single", "batch"])
def test_a_heartbeat_moves_nothing_but_a_triaging_one_back(instance: str, batch: bool) -> None:
    was = Pair(INSTANCE[instance], T.RUNNING, worker_id=ME)
    plan = plan_heartbeat(was, SPEAKING["distributor" if batch else "worker"], batch=batch)
    assert plan.outcome == SIGNS_OF_LIFE[instance][batch]
    assert plan.task_instance is (TI.RUNNING if instance == "T" else was.task_instance)
    assert (plan.task, plan.task_path) == (T.RUNNING, ())


@pytest.mark.parametrize("instance", INSTANCE_LETTERS)
def test_another_workers_heartbeat_is_fenced(instance: str) -> None:
    plan = plan_heartbeat(Pair(INSTANCE[instance], T.RUNNING, worker_id=ANOTHER), SPEAKING["worker"])
    assert (plan.outcome, plan.task_instance) == (Outcome.FENCED, INSTANCE[instance])


def test_the_first_applied_report_with_a_worker_makes_the_holder_for_good() -> None:
    launched = Pair(TI.LAUNCHED, T.LAUNCHED)
    running = after(launched, plan_transition(launched, TI.RUNNING, SPEAKING["worker"]), SPEAKING["worker"])
    assert (running.worker_id, running.status_by) == (ME, SPEAKING["worker"])
    told = plan_transition(running, TI.ERROR, SPEAKING["distributor"])
    assert after(running, told, SPEAKING["distributor"]).worker_id == ME
    late = By(Reporter.WORKER, ANOTHER)
    assert plan_transition(running, TI.DONE, late).outcome is Outcome.FENCED


def test_an_applied_plan_sets_a_new_deadline() -> None:
    was = Pair(TI.RUNNING, T.RUNNING, worker_id=ME, overdue=True)
    plan = plan_transition(was, TI.TRIAGING, SPEAKING["reaper"])
    assert not after(was, plan, SPEAKING["reaper"]).overdue


def test_a_batch_heartbeat_that_revives_leaves_running_to_its_holder() -> None:
    was = Pair(TI.TRIAGING, T.RUNNING, worker_id=ME, status_by=SPEAKING["reaper"])
    revived = after(was, plan_heartbeat(was, SPEAKING["distributor"], batch=True), SPEAKING["distributor"])
    assert plan_transition(revived, TI.RUNNING, SPEAKING["worker"]).outcome is Outcome.DUPLICATE


@pytest.mark.parametrize("instance", INSTANCE_LETTERS)
def test_a_claim_is_fenced_by_name_repeatable_and_else_a_transition(instance: str) -> None:
    for task, orphan in product(TASK_LETTERS, YES_NO):
        case = Case(
            instance, task, 1, 3, 0, orphan, False, "nobody", "nobody", False, "I", "distributor", False
        )  # fmt: skip
        was = pair_of(case)
        assert plan_claim(was, "another", "this").outcome is Outcome.FENCED
        again = plan_claim(was, "this", "this")
        expected = judge(case) if instance != "I" else judge(case)._replace(outcome="duplicate")
        assert verdict_of(again) == expected
        assert instance == "I" or again == plan_claim(was, None, "this")
