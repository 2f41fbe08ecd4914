"""What a report asks or says beside its status, and what only signs of life do: each by a pair that differs in it alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jobmon_client.states import Outcome, Reporter
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus as T
from jobmon_server.fsm.plan import (
    MAX_REFUNDS,
    By,
    Pair,
    Plan,
    after,
    plan_claim,
    plan_heartbeat,
    plan_hold,
    plan_transition,
)

WORKER, ANOTHER = By(Reporter.WORKER, "w"), By(Reporter.WORKER, "another")
DISTRIBUTOR, REAPER = By(Reporter.DISTRIBUTOR), By(Reporter.REAPER)
RUNNING = Pair(TI.RUNNING, T.RUNNING, 2, 3, 0, "w", WORKER)
INSTANTIATED = Pair(TI.INSTANTIATED, T.INSTANTIATING, 2, 3, 0, None, DISTRIBUTOR)
LAUNCHED = Pair(TI.LAUNCHED, T.LAUNCHED, 2, 3, 0, None, DISTRIBUTOR)


def stays(plan: Plan, was: Pair) -> bool:
    """Tell whether a plan leaves both rows as they were."""
    before = (was.task_instance, was.task, was.num_attempts, was.num_refunds)
    return (plan.task_instance, plan.task, plan.num_attempts, plan.num_refunds) == before


@pytest.mark.parametrize(
    ("was", "outcome"),
    [(INSTANTIATED, "applied"), (LAUNCHED, "invalid"), (RUNNING, "invalid")],
    ids=["claimed", "launched", "running"],
)
def test_a_submission_is_refused_for_good_only_before_anything_was_started(was: Pair, outcome: str) -> None:
    plan = plan_transition(was, TI.ERROR_FATAL, DISTRIBUTOR, permanent=True)
    assert plan.outcome == outcome
    assert plan_transition(was, TI.ERROR_FATAL, DISTRIBUTOR).applied
    assert plan.applied or stays(plan, was)


@pytest.mark.parametrize("overdue", [False, True])
@pytest.mark.parametrize("only_overdue", [False, True])
def test_a_live_deadline_makes_untimely_what_asks_for_an_overdue_one(
    *, overdue: bool, only_overdue: bool
) -> None:
    was = replace(RUNNING, overdue=overdue)
    plan = plan_transition(was, TI.UNKNOWN_ERROR, DISTRIBUTOR, only_overdue=only_overdue)
    assert plan.outcome == ("untimely" if only_overdue and not overdue else "applied")
    triaging = replace(was, task_instance=TI.TRIAGING)
    assert plan_transition(triaging, TI.UNKNOWN_ERROR, DISTRIBUTOR, only_overdue=only_overdue).applied
    refused = plan_transition(was, TI.INSTANTIATED, DISTRIBUTOR, only_overdue=only_overdue)
    assert refused.outcome is Outcome.INVALID


IN_CONTACT = replace(RUNNING, in_contact=True)


@pytest.mark.parametrize(
    ("was", "wanted", "by", "proof", "outcome"),
    [
        (IN_CONTACT, TI.ERROR, WORKER, False, "applied"),
        (IN_CONTACT, TI.ERROR, DISTRIBUTOR, False, "untimely"),
        (IN_CONTACT, TI.ERROR, DISTRIBUTOR, True, "applied"),
        (IN_CONTACT, TI.ERROR, ANOTHER, True, "fenced"),
        (IN_CONTACT, TI.TRIAGING, REAPER, False, "applied"),
        (IN_CONTACT, TI.INSTANTIATED, REAPER, False, "invalid"),
        (RUNNING, TI.ERROR, DISTRIBUTOR, False, "applied"),
    ],
)
def test_who_is_in_contact_ends_alone_unless_there_is_proof(
    was: Pair, wanted: TI, by: By, outcome: str, *, proof: bool
) -> None:
    assert plan_transition(was, wanted, by, proof=proof).outcome == outcome


@pytest.mark.parametrize(
    ("attempts", "refunds", "task", "left"),
    [
        (2, 0, T.REGISTERING, (1, 1)),
        (3, 0, T.REGISTERING, (2, 1)),
        (3, MAX_REFUNDS - 1, T.REGISTERING, (2, MAX_REFUNDS)),
        (2, MAX_REFUNDS, T.REGISTERING, (2, MAX_REFUNDS)),
        (3, MAX_REFUNDS, T.ERROR_FATAL, (3, MAX_REFUNDS)),
        (0, 0, T.REGISTERING, (0, 1)),
    ],
)
def test_the_infrastructures_fault_gives_the_attempt_back(
    attempts: int, refunds: int, task: T, left: tuple[int, int]
) -> None:
    was = replace(RUNNING, num_attempts=attempts, num_refunds=refunds)
    plan = plan_transition(was, TI.ERROR, WORKER, infrastructure=True)
    assert (plan.task, (plan.num_attempts, plan.num_refunds)) == (task, left)
    assert plan.task_path == (T.ERROR_RECOVERABLE, task)
    assert plan_transition(was, TI.ERROR, WORKER).num_refunds == refunds


def test_an_attempt_given_back_is_tried_again_whatever_its_maximum() -> None:
    was = replace(RUNNING, num_attempts=5, max_attempts=1)
    plan = plan_transition(was, TI.ERROR, WORKER, infrastructure=True)
    assert (plan.task, plan.num_attempts, plan.num_refunds) == (T.REGISTERING, 4, 1)


@pytest.mark.parametrize(
    ("status", "spent", "outcome"),
    [
        (TI.INSTANTIATED, False, "applied"),
        (TI.INSTANTIATED, True, "applied"),
        (TI.LAUNCHED, False, "applied"),
        (TI.LAUNCHED, True, "untimely"),
        (TI.TRIAGING, False, "applied"),
        (TI.TRIAGING, True, "untimely"),
        (TI.NO_HEARTBEAT, False, "applied"),
        (TI.QUEUED, False, "untimely"),
        (TI.RUNNING, False, "untimely"),
        (TI.KILL_SELF, False, "untimely"),
        (TI.DONE, False, "untimely"),
    ],
)
def test_a_distributor_holds_what_it_cannot_ask_for_until_that_is_spent(
    status: TI, outcome: str, *, spent: bool
) -> None:
    was = replace(RUNNING, task_instance=status)
    plan = plan_hold(was, spent=spent)
    assert (plan.outcome, plan.wanted, stays(plan, was)) == (outcome, status, True)


@pytest.mark.parametrize(
    ("status", "unkillable", "outcome", "becomes"),
    [
        (TI.TRIAGING, True, "applied", TI.TRIAGING),
        (TI.TRIAGING, False, "applied", TI.RUNNING),
        (TI.KILL_SELF, True, "applied", TI.KILL_SELF),
        (TI.KILL_SELF, False, "untimely", TI.KILL_SELF),
        (TI.RUNNING, True, "applied", TI.RUNNING),
        (TI.DONE, True, "untimely", TI.DONE),
        (TI.NO_HEARTBEAT, True, "untimely", TI.NO_HEARTBEAT),
        (TI.LAUNCHED, True, "invalid", TI.LAUNCHED),
        (TI.QUEUED, False, "invalid", TI.QUEUED),
    ],
)
def test_a_command_that_cannot_be_killed_keeps_its_status(
    status: TI, outcome: str, becomes: TI, *, unkillable: bool
) -> None:
    was = replace(RUNNING, task_instance=status)
    plan = plan_heartbeat(was, WORKER, unkillable=unkillable)
    assert (plan.outcome, plan.task_instance) == (outcome, becomes)
    assert plan_heartbeat(was, ANOTHER, unkillable=unkillable).outcome is Outcome.FENCED


QUEUED = Pair(TI.QUEUED, T.QUEUED, 1, 3)


@pytest.mark.parametrize(
    ("was", "held_by", "outcome"),
    [
        (QUEUED, None, "applied"),
        (QUEUED, "me", "applied"),
        (QUEUED, "another", "fenced"),
        (INSTANTIATED, "me", "duplicate"),
        (INSTANTIATED, "another", "fenced"),
        (RUNNING, "me", "invalid"),
    ],
)
def test_a_claim(was: Pair, held_by: str | None, outcome: str) -> None:
    plan = plan_claim(was, held_by, "me")
    assert (plan.outcome, plan.wanted) == (outcome, TI.INSTANTIATED)
    assert plan.applied or stays(plan, was)


def test_what_is_planned_next_stands_as_the_plan_has_left_it() -> None:
    was = replace(LAUNCHED, overdue=True, orphan=False, requeue=True, max_attempts=7)
    plan = plan_transition(was, TI.RUNNING, WORKER)
    assert after(was, plan, WORKER) == Pair(TI.RUNNING, T.RUNNING, 2, 7, 0, "w", WORKER, requeue=True)
    assert after(RUNNING, plan_transition(RUNNING, TI.TRIAGING, REAPER), REAPER) == Pair(
        TI.TRIAGING, T.RUNNING, 2, 3, 0, "w", REAPER
    )


def new(value: str) -> str:
    """Return an equal text that is another object."""
    return "".join(list(value))


def test_workers_are_known_by_what_their_ids_say() -> None:
    same = By(Reporter.WORKER, new("worker-1"))
    was = replace(IN_CONTACT, worker_id=new("worker-1"), status_by=By(Reporter.WORKER, new("worker-1")))
    assert plan_transition(was, TI.DONE, same).applied
    assert plan_transition(was, TI.RUNNING, same).outcome is Outcome.DUPLICATE
    ended: dict[str, Any] = {"task_instance": TI.DONE, "task": T.DONE}
    assert plan_transition(replace(was, **ended), TI.DONE, same).outcome is Outcome.DUPLICATE
    assert plan_claim(INSTANTIATED, new("distributor-1"), new("distributor-1")).outcome is Outcome.DUPLICATE
