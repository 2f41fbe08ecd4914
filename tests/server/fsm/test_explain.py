"""An explanation says what the tables and the plan do, for every status and every pair that can stand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobmon_client.states import Outcome, Reporter
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus as T
from jobmon_server.fsm.consistent import live_pairs
from jobmon_server.fsm.explain import DEADLINE, NEEDS_DEADLINE, Trigger, advice, next_by_itself, open_edges
from jobmon_server.fsm.plan import By, Pair, plan_transition
from jobmon_server.fsm.task_instance import TASK_INSTANCE, WHEN_OVERDUE
from jobmon_server.fsm.waiting import Limit, QueueConditions, waits_for

LIVE_PAIRS = sorted(live_pairs())


def triggers(was: Pair) -> dict[tuple[str, TI], Trigger]:
    """Every trigger of every open edge, by report and aim."""
    return {(one.report, one.to): one for edge in open_edges(was) for one in edge.triggers}


@pytest.mark.parametrize(("status", "task"), LIVE_PAIRS)
@pytest.mark.parametrize("overdue", [False, True])
def test_every_edge_out_of_a_live_status_can_be_taken(status: TI, task: T, overdue: bool) -> None:
    edges = open_edges(Pair(status, task, overdue=overdue))
    assert [(edge.to, edge.why) for edge in edges] == [
        (edge.to, edge.why) for edge in TASK_INSTANCE.edges if edge.was is status
    ]
    assert all(edge.triggers for edge in edges), edges


@pytest.mark.parametrize("status", sorted(TASK_INSTANCE.terminal))
def test_nothing_leads_out_of_a_terminal_status(status: TI) -> None:
    was = Pair(status, T.REGISTERING)
    assert open_edges(was) == ()
    assert next_by_itself(was, "local").to is None
    assert advice(was)


@pytest.mark.parametrize(("status", "task"), LIVE_PAIRS)
@pytest.mark.parametrize("overdue", [False, True])
@pytest.mark.parametrize("num_attempts", [1, 3])
def test_what_comes_by_itself_is_what_the_reaper_does(
    status: TI, task: T, overdue: bool, num_attempts: int
) -> None:
    was = Pair(status, task, num_attempts=num_attempts, overdue=overdue)
    coming = next_by_itself(was, "local")
    if status is TI.QUEUED:
        assert "'local'" in coming.what
        assert (coming.to, coming.task) == (None, None)
        return
    plan = plan_transition(was, WHEN_OVERDUE[status], By(Reporter.REAPER))
    assert (coming.to, coming.task) == (plan.task_instance, plan.task)
    deadline = triggers(was)[DEADLINE, plan.task_instance]
    assert (deadline.outcome, deadline.needs) == (
        (Outcome.APPLIED, None) if overdue else (None, NEEDS_DEADLINE)
    )


def test_what_only_the_deadline_lets_through_says_so() -> None:
    was = Pair(TI.RUNNING, T.RUNNING, worker_id="w")
    early = triggers(was)["log_unknown_error", TI.UNKNOWN_ERROR]
    late = triggers(replace(was, overdue=True))["log_unknown_error", TI.UNKNOWN_ERROR]
    assert (early.outcome, early.needs) == (Outcome.UNTIMELY, NEEDS_DEADLINE)
    assert (late.outcome, late.needs) == (Outcome.APPLIED, None)


def test_who_may_report_and_what_the_task_becomes() -> None:
    running = triggers(Pair(TI.RUNNING, T.RUNNING, worker_id="w", num_attempts=3, max_attempts=3))
    assert running["log_done", TI.DONE] == Trigger(
        Reporter.WORKER, "log_done", TI.DONE, T.DONE, Outcome.APPLIED
    )
    assert running["log_error_worker_node", TI.ERROR].task is T.ERROR_FATAL
    assert running["stop", TI.KILL_SELF].task is T.STOPPED
    assert running["rerun", TI.KILL_SELF].reporter is Reporter.OPERATOR


def test_a_worker_that_starts_too_late_closes_the_instance() -> None:
    assert triggers(Pair(TI.KILL_SELF, T.RUNNING))["log_running", TI.ERROR_FATAL].outcome is Outcome.APPLIED
    assert ("log_running", TI.ERROR_FATAL) not in triggers(Pair(TI.KILL_SELF, T.RUNNING, worker_id="w"))


def test_acts_do_not_concern_an_older_instance() -> None:
    was = Pair(TI.LAUNCHED, T.LAUNCHED)
    assert any(one.report == "stop" for edge in open_edges(was) for one in edge.triggers)
    older = [one for edge in open_edges(was, is_current=False) for one in edge.triggers]
    assert Reporter.OPERATOR not in {one.reporter for one in older}


def test_an_orphan_can_only_be_closed() -> None:
    was = Pair(TI.KILL_SELF, T.STOPPED, orphan=True)
    assert "not concerned" in next_by_itself(was, "local").what
    assert all(one.task is T.STOPPED for edge in open_edges(was) for one in edge.triggers)


def test_a_given_back_attempt_and_a_last_one_are_told() -> None:
    claimed = Pair(TI.INSTANTIATED, T.INSTANTIATING, num_attempts=1, max_attempts=1)
    assert "given back" in next_by_itself(claimed, "local").what
    triaging = Pair(TI.TRIAGING, T.RUNNING, num_attempts=1, max_attempts=1)
    assert "was the last" in next_by_itself(triaging, "local").what


@pytest.mark.parametrize("status", sorted(TASK_INSTANCE.live))
def test_there_is_advice_for_every_live_status(status: TI) -> None:
    kept, overdue = advice(Pair(status, T.RUNNING)), advice(Pair(status, T.RUNNING, overdue=True))
    assert kept != overdue
    assert "reaper" in overdue


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (
            QueueConditions(T.REGISTERING, upstreams_left=2, upstreams=("task 7 (a) is RUNNING",), run_id=1),
            "task 7",
        ),
        (QueueConditions(T.REGISTERING, held=True, run_id=1), "play of its workflow"),
        (QueueConditions(T.REGISTERING, run_id=None), "none is alive"),
        (QueueConditions(T.REGISTERING, run_id=4), "run 4 to queue it"),
        (
            QueueConditions(T.ADJUSTING_RESOURCES, run_id=1, limits=(Limit("array", 2, 2),)),
            "tasks of its array",
        ),
        (QueueConditions(T.REGISTERING, run_id=1, living_instance_id=9), "end of its instance 9"),
        (QueueConditions(T.RUNNING, living_instance_id=9), "news of its instance 9"),
        (QueueConditions(T.PAUSED), "play"),
        (QueueConditions(T.ERROR_FATAL), "retry"),
        (QueueConditions(T.STOPPED), "rerun"),
    ],
)
def test_a_task_waits_for_one_thing_that_is_named(facts: QueueConditions, words: str) -> None:
    (waits,) = waits_for(facts)
    assert words in waits


def test_a_task_at_its_end_waits_for_nothing_and_a_free_limit_is_no_obstacle() -> None:
    assert waits_for(QueueConditions(T.DONE)) == ()
    free = QueueConditions(T.REGISTERING, run_id=1, limits=(Limit("workflow", 1, 2), Limit("array", 5, None)))
    assert waits_for(free) == ("run 1 to queue it, which it does by itself",)
