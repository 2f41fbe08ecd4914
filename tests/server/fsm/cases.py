"""From a case in letters to a locked pair, its plan, and back: what the tests of the plan share."""

from __future__ import annotations

from typing import NamedTuple

from jobmon_client.states import Reporter
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus as T
from jobmon_server.fsm.plan import By, Pair, Plan, plan_transition
from tests.server.fsm.contract import INSTANCE_LETTERS, TASK_LETTERS
from tests.server.fsm.oracle import Case, Verdict

INSTANCE = {letter: TI.from_code(letter) for letter in INSTANCE_LETTERS}
TASK_OF = {letter: T.from_code(letter) for letter in TASK_LETTERS}
YES_NO = (False, True)
WHO = ("nobody", "speaker", "another")
ME, ANOTHER = "3e8f", "71c0"
SPEAKING = {
    "worker": By(Reporter.WORKER, ME),
    "distributor": By(Reporter.DISTRIBUTOR),
    "reaper": By(Reporter.REAPER),
    "operator": By(Reporter.OPERATOR),
    "workflow_run": By(Reporter.WORKFLOW_RUN),
}
#: Somebody else of the same kind where there can be one, else of another kind.
MADE_BY_ANOTHER = {
    "worker": By(Reporter.WORKER, ANOTHER),
    "distributor": By(Reporter.WORKER, ME),
    "reaper": By(Reporter.DISTRIBUTOR),
    "operator": By(Reporter.REAPER),
    "workflow_run": By(Reporter.OPERATOR),
}


class Tried(NamedTuple):
    case: Case
    was: Pair
    wanted: TI
    by: By
    plan: Plan


def pair_of(case: Case) -> Pair:
    """Return the locked pair that a case describes."""
    me = ME if case.speaker == "worker" else "the holder"
    maker = {"nobody": None, "speaker": SPEAKING[case.speaker], "another": MADE_BY_ANOTHER[case.speaker]}
    return Pair(
        INSTANCE[case.instance],
        TASK_OF[case.task],
        num_attempts=case.attempts,
        max_attempts=case.maximum,
        num_refunds=case.refunds,
        worker_id={"nobody": None, "speaker": me, "another": ANOTHER}[case.holder],
        status_by=maker[case.maker],
        orphan=case.orphan,
        requeue=case.requeue,
        overdue=case.overdue,
    )


def tried(case: Case) -> Tried:
    was, wanted, by = pair_of(case), INSTANCE[case.wanted], SPEAKING[case.speaker]
    return Tried(case, was, wanted, by, plan_transition(was, wanted, by, only_overdue=case.only_overdue))


def verdict_of(plan: Plan) -> Verdict:
    return Verdict(
        str(plan.outcome),
        plan.task_instance.code,
        plan.task.code,
        plan.num_attempts,
        plan.num_refunds,
        "".join(step.code for step in plan.task_path),
    )
