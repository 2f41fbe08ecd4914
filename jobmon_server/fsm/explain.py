"""Why an instance is where it is and what comes next, read off the tables by asking the plan itself. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from jobmon_client.states import Outcome, Reporter
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus as T
from jobmon_server.fsm.acts import ACTS, Act, TaskWithInstance, plan_start_afresh
from jobmon_server.fsm.plan import By, Pair, Plan, plan_claim, plan_heartbeat, plan_transition
from jobmon_server.fsm.task import TASK
from jobmon_server.fsm.task_instance import ERROR_STATES, TASK_INSTANCE, WHEN_OVERDUE

DEADLINE = "its deadline"
NEEDS_DEADLINE = "its deadline must have passed"
NEEDS_LAPSE = (
    "its worker must have been out of touch until contact_until, or the cluster prove that nothing of it runs"
)
_DISTRIBUTOR = By(Reporter.DISTRIBUTOR)
_REAPER = By(Reporter.REAPER)
#: Acts beside those of one task that close what is live: on a run, and at the start of the next.
_START_AFRESH = {"terminate": plan_start_afresh, "resume": plan_start_afresh}


@dataclass(frozen=True, slots=True)
class Trigger:
    """What would take an edge: its `outcome` if it came now (None: it does not come yet), and what it then `needs`."""

    reporter: Reporter
    report: str
    to: TI
    task: T
    outcome: Outcome | None
    needs: str | None = None


@dataclass(frozen=True, slots=True)
class OpenEdge:
    """An edge out of the present status, and all that can take it."""

    to: TI
    why: str
    triggers: tuple[Trigger, ...]


@dataclass(frozen=True, slots=True)
class Next:
    """What happens if nobody speaks: where the instance and its task go, or what it waits for without a deadline."""

    what: str
    to: TI | None = None
    task: T | None = None


def open_edges(was: Pair, *, is_current: bool = True) -> tuple[OpenEdge, ...]:
    """Return every edge out of the present status; operators' acts concern only a task's current instance."""
    triggers = [*_reports(was), *_reaper(was), *(_acts(was) if is_current else ())]
    return tuple(
        OpenEdge(edge.to, edge.why, tuple(one for one in triggers if one.to is edge.to))
        for edge in TASK_INSTANCE.edges
        if edge.was is was.task_instance
    )


def _reports(was: Pair) -> Iterator[Trigger]:
    """Plan every report that can be made, from its reporter: the holder where there is one."""
    worker = By(Reporter.WORKER, was.worker_id or "a worker")
    plans: list[tuple[By, str, Callable[[Pair], Plan]]] = [
        (_DISTRIBUTOR, "instantiate_task_instances", lambda pair: plan_claim(pair, None, "a distributor")),
        *_wanting(_DISTRIBUTOR, "log_launched", TI.LAUNCHED),
        *_wanting(_DISTRIBUTOR, "log_distributor_id", TI.LAUNCHED),
        *_wanting(_DISTRIBUTOR, "log_no_distributor_id", TI.NO_DISTRIBUTOR_ID),
        *_wanting(worker, "log_running", TI.RUNNING),
        (worker, "log_report_by", lambda pair: plan_heartbeat(pair, worker)),
        (
            _DISTRIBUTOR,
            "log_report_by/batch",
            lambda pair: plan_heartbeat(pair, _DISTRIBUTOR, batch=True),
        ),
        *_wanting(worker, "log_done", TI.DONE),
        *_wanting(worker, "log_error_worker_node", *ERROR_STATES),
        *_wanting(_DISTRIBUTOR, "log_known_error", *ERROR_STATES),
        *_wanting(_DISTRIBUTOR, "log_unknown_error", *ERROR_STATES, only_overdue=True),
    ]
    for by, report, plan in plans:
        now, later = plan(was), plan(replace(was, overdue=True, in_contact=False))
        to = later.task_instance if later.applied else later.wanted
        needs = None
        if later.applied and not now.applied:
            needs = NEEDS_LAPSE if was.in_contact else NEEDS_DEADLINE
        yield Trigger(by.reporter, report, to, later.task, now.outcome, needs)


def _wanting(
    by: By, report: str, *wanted: TI, only_overdue: bool = False
) -> Iterator[tuple[By, str, Callable[[Pair], Plan]]]:
    for one in wanted:

        def plan(pair: Pair, one: TI = one) -> Plan:
            return plan_transition(pair, one, by, only_overdue=only_overdue)

        yield by, report, plan


def _reaper(was: Pair) -> Iterator[Trigger]:
    to = WHEN_OVERDUE.get(was.task_instance)
    if to is not None:
        plan = plan_transition(replace(was, in_contact=False), to, _REAPER)
        is_due = was.overdue and not (was.in_contact and to in TASK_INSTANCE.terminal)
        outcome, needs = (plan.outcome, None) if is_due else (None, NEEDS_DEADLINE)
        yield Trigger(Reporter.REAPER, DEADLINE, to, plan.task, outcome, needs)


def _acts(was: Pair) -> Iterator[Trigger]:
    subject = TaskWithInstance(was.task, was.task_instance, was.requeue, was.num_attempts)
    plans: dict[str, Callable[[TaskWithInstance], Act]] = {**ACTS, **_START_AFRESH}
    for name, plan in plans.items():
        act = plan(subject)
        if act.outcome is Outcome.APPLIED and act.task_instance is not None:
            yield Trigger(Reporter.OPERATOR, name, act.task_instance, act.task, act.outcome)


def next_by_itself(was: Pair, cluster: str) -> Next:
    """Tell what comes if nobody speaks."""
    status = was.task_instance
    if status in TASK_INSTANCE.terminal:
        return Next(f"Nothing: {status} is the end of this instance.")
    to = WHEN_OVERDUE.get(status)
    if to is None:
        return Next(f"It waits, without a deadline, for a distributor of cluster {cluster!r} to claim it.")
    plan = plan_transition(replace(was, in_contact=False), to, _REAPER)
    if not plan.applied:
        return Next(f"Nothing: the reaper finds no way from {status} with the task {was.task} to {to}.")
    return Next(f"The reaper moves it to {to}; {_task_then(was, plan)}.", to, plan.task)


def _task_then(was: Pair, plan: Plan) -> str:
    if was.orphan:
        return "its task, which was stopped meanwhile, is not concerned"
    if plan.task is was.task:
        return f"its task stays {was.task}"
    if plan.task not in TASK.terminal:
        given_back = ", this attempt given back" if plan.num_refunds > was.num_refunds else ""
        afresh = ", from its first attempt" if was.requeue else ""
        return f"its task becomes {plan.task} to be tried again{given_back}{afresh}"
    return f"its task becomes {plan.task}: attempt {plan.num_attempts} of {was.max_attempts} was the last"


#: What to look at when an instance seems to stay too long in a live status whose deadline is kept.
_LOOK_AT = {
    TI.QUEUED: "See that a distributor of its cluster runs (`jobmon run` and `jobmon distributor` each do) and has room.",
    TI.INSTANTIATED: "Its distributor keeps it alive: look at the distributor's log and at what the cluster says of the submission.",
    TI.LAUNCHED: "The cluster has it and no worker has spoken: look at the cluster's own queue for its distributor_id.",
    TI.RUNNING: "Its worker speaks; if the command hangs, look at `jobmon logs` and at the process on its node, or rerun its task.",
    TI.TRIAGING: "Its worker fell silent: see whether the node lives; a distributor of its cluster asks the cluster and reports.",
    TI.NO_HEARTBEAT: "No worker ever spoke: a distributor of its cluster asks the cluster and reports.",
    TI.KILL_SELF: "It was told to stop: its worker or a distributor of its cluster confirms that it is dead.",
}


def advice(was: Pair) -> str:
    """Say what to do if it seems stuck."""
    if was.task_instance in TASK_INSTANCE.terminal:
        return "It is over; what its task waits for is said with the task."
    if was.overdue:
        return (
            "Its deadline has passed and the reaper acts within a second or two: if it does not, no server's reaper"
            " runs (`/metrics`: jobmon_reaper_*); `jobmon-server reap --once` does one pass."
        )
    return _LOOK_AT[was.task_instance]
