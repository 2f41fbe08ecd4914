"""The world of the model check: one task, its instances, what each actor can do next, and what the core answers.

Decisions are the server's own: `actions.decide` for reports and claims, `fsm.acts` for operators. Here is only what
surrounds them: which columns a write changes, who may say what when, and what a worker makes of an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from jobmon_client.states import LostContact, Outcome, Reporter
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus as T
from jobmon_server.actions.reporting import report_types
from jobmon_server.actions.reporting.decision import decide, decide_claim, followed
from jobmon_server.actions.reporting.report_types import Report
from jobmon_server.db.instances.locking import Locked
from jobmon_server.db.instances.writes import Change
from jobmon_server.fsm.acts import ACTS, Act, TaskWithInstance, plan_start_afresh
from jobmon_server.fsm.plan import MAX_REFUNDS, By, Pair
from jobmon_server.fsm.task import QUEUEABLE
from jobmon_server.fsm.task_instance import ASKS_DEADLINE, ERROR_STATES, TASK_INSTANCE, WHEN_OVERDUE

MAX_ATTEMPTS = 2
NOW = datetime(2024, 1, 1)  # noqa: DTZ001  # the database's instants are naive UTC
SECOND = timedelta(seconds=1)
WORKERS = ("w1", "w2")
START_AFRESH = "start afresh (cold resume, terminate)"


class Worker(StrEnum):
    """How far a worker process has come, which is also what it may have sent."""

    IDLE = "idle"
    TOLD = "told RUNNING"
    OK = "finished"
    FAILED = "failed"
    UNABLE = "failed before it could start"
    KILLED = "killed its command"


class Instance(NamedTuple):
    """An instance's row, as far as a decision reads it, and the local states of the two workers started for it."""

    status: TI = TASK_INSTANCE.initial
    by: Reporter = Reporter.WORKFLOW_RUN
    holder: str | None = None
    distributor: str | None = None
    orphan: bool = False
    requeue: bool = False
    #: Whether `contact_until` lies ahead; None where no contact is kept.
    contact: bool | None = None
    workers: tuple[Worker, Worker] = (Worker.IDLE, Worker.IDLE)

    @property
    def is_live(self) -> bool:
        """Whether anything may still become of it."""
        return self.status in TASK_INSTANCE.live

    @property
    def row(self) -> tuple[Any, ...]:
        """What the database holds of it, but for what time alone changes."""
        return self[:-2]

    def with_worker(self, index: int, state: Worker) -> Instance:
        """The instance after one of its workers went on by itself."""
        first, second = self.workers
        return self._replace(workers=(state, second) if index == 0 else (first, state))


class Task(NamedTuple):
    """A task's row. Nine of its ten refunds are used up, so that one and the last is in the world."""

    status: T = T.REGISTERING
    num_attempts: int = 0
    num_refunds: int = MAX_REFUNDS - 1


class Step(NamedTuple):
    """Something that happened: who did what to an instance, the answer, and both as they are afterwards."""

    actor: str
    what: str
    outcome: str
    instance: Instance
    task: Task
    wanted: TI | None = None
    fault: str | None = None


@dataclass(frozen=True)
class Core:
    """The functions under test; a test breaks one on purpose to see that the explorer finds it.

    `stop` is the server's `lost_contact`: workers out of touch end their commands before `contact_until`.
    """

    decide: Callable[[Locked, Report], Change] = decide
    decide_claim: Callable[[Locked, Report, str], Change] = decide_claim
    acts: Mapping[str, Callable[[TaskWithInstance], Act]] = field(
        default_factory=lambda: {**ACTS, START_AFRESH: plan_start_afresh}
    )
    may_queue: Callable[[Task, Instance | None], bool] = lambda task, current: (
        task.status in QUEUEABLE and (current is None or not current.is_live)
    )
    stop: bool = False


class Message(NamedTuple):
    """A report as it travels; `name` is its route and what it says."""

    name: str
    report: Report
    overdue: bool = False


def _worker_messages(worker_id: str) -> dict[Worker, list[Message]]:
    start: dict[str, Any] = {"worker_id": worker_id, "next_report_increment": 1.0}
    running = Message("log_running", report_types.log_running(**start))
    beat = Message("log_report_by", report_types.log_report_by(**start))
    done = Message("log_done", report_types.log_done(worker_id=worker_id))
    errors = {
        state: Message(
            f"log_error_worker_node {state}",
            report_types.log_error_worker_node(worker_id=worker_id, error_state=state, error_description="?"),
        )
        for state in ERROR_STATES
    }
    return {
        Worker.IDLE: [running],
        Worker.TOLD: [running, beat],
        Worker.OK: [running, beat, done],
        Worker.FAILED: [running, beat, *errors.values()],
        Worker.UNABLE: [running, *errors.values()],
        Worker.KILLED: [running, beat, errors[TI.ERROR_FATAL]],
    }


FROM_WORKER = [_worker_messages(worker_id) for worker_id in WORKERS]
FROM_DISTRIBUTOR = [
    Message(
        "log_distributor_id", report_types.log_distributor_id(distributor_id="c", next_report_increment=1.0)
    ),
    Message("log_no_distributor_id", report_types.log_no_distributor_id(error_message="?")),
    *(
        Message(
            f"log_known_error {state}", report_types.log_known_error(error_state=state, error_message="?")
        )
        for state in ERROR_STATES
    ),
]
FROM_RECONCILER = [
    Message("log_report_by/batch", report_types.log_report_by_batch(next_report_increment=1.0)),
    *(
        Message(
            f"log_unknown_error {state}",
            report_types.log_unknown_error(error_state=state, error_message="?"),
            late,
        )
        for state in ERROR_STATES
        for late in (False, True)
    ),
]
CLAIM = Report(TI.INSTANTIATED, By(Reporter.DISTRIBUTOR), 1.0)


def locked(instance: Instance, task: Task, *, overdue: bool = False, stop: bool = False) -> Locked:
    """The two rows as `db.pairs` returns them."""
    has_deadline = instance.is_live and instance.status is not TI.QUEUED
    pair = Pair(
        task_instance=instance.status,
        task=task.status,
        num_attempts=task.num_attempts,
        max_attempts=MAX_ATTEMPTS,
        num_refunds=task.num_refunds,
        worker_id=instance.holder,
        status_by=By(instance.by, instance.holder if instance.by is Reporter.WORKER else None),
        orphan=instance.orphan,
        requeue=instance.requeue,
        overdue=overdue,
        in_contact=bool(instance.contact),
    )
    until = None if instance.contact is None else NOW + SECOND if instance.contact else NOW - SECOND
    deadline = (NOW - SECOND if overdue else NOW + SECOND) if has_deadline else None
    increment = None if instance.distributor is None else 1.0
    row = Locked(1, 1, 1, 0, 1, pair, deadline, increment, instance.distributor, False, NOW)
    return replace(row, contact_until=until, lost_contact=LostContact.STOP if stop else None)


def written(change: Change, instance: Instance, task: Task) -> tuple[Instance, Task]:
    """Both rows as `db.moves` leaves them."""
    columns = change.instance
    after = instance._replace(
        status=columns.get("status", instance.status),
        by=Reporter(columns.get("status_by", instance.by)),
        holder=columns.get("worker_id", instance.holder),
        distributor=columns.get("distributor", instance.distributor),
        contact=True if "contact_until" in columns else instance.contact,
    )
    return after, Task(
        change.task.get("status", task.status),
        change.task.get("num_attempts", task.num_attempts),
        change.task.get("num_refunds", task.num_refunds),
    )


def delivered(core: Core, actor: str, message: Message, instance: Instance, task: Task) -> Step:
    """One message reaches the server."""
    change = core.decide(locked(instance, task, overdue=message.overdue, stop=core.stop), message.report)
    then, its_task = written(change, instance, task)
    fault = _fault(core, message, change, then, its_task)
    return Step(actor, message.name, change.plan.outcome, then, its_task, change.plan.wanted, fault)


def _fault(core: Core, message: Message, change: Change, then: Instance, task: Task) -> str | None:
    """What is wrong with a change taken by itself."""
    if (change.report_by is not None) != (then.is_live and then.status is not TI.QUEUED):
        return "a deadline belongs to every live status but QUEUED, and to no other"
    seen = locked(then, task, stop=core.stop)
    if change.plan.applied and replace(followed(change).pair, overdue=False) != seen.pair:
        return "a batch plans on with another pair than the one in the database"
    is_sent = message.report.by.reporter is not Reporter.REAPER  # which looks again before each step
    if is_sent and written(core.decide(seen, message.report), then, task) != (then, task):
        return "the same message, delivered twice in a row, does something twice"
    return None


def steps(core: Core, instance: Instance, task: Task) -> Iterator[Step]:
    """All that can happen next to one instance without an operator: messages in any order, again, and late."""
    yield from _claims(core, instance, task)
    if instance.status in WHEN_OVERDUE and not waits_for_lapse(instance):
        yield reaped(core, instance, task)
    if instance.contact and instance.is_live:
        yield lapsed(instance, task)
    if instance.distributor is None:  # nobody can know more of it than that it waits
        return
    for message in FROM_DISTRIBUTOR:
        yield delivered(core, "distributor", message, instance, task)
    for message in FROM_RECONCILER:
        if not message.overdue or instance.status in ASKS_DEADLINE:
            yield delivered(core, "reconciler", message, instance, task)
    yield from _of_worker(core, 0, instance, task)
    # The two are alike: the first to do anything is called w1.
    if instance.holder is not None or instance.workers[0] is not Worker.IDLE:
        yield from _of_worker(core, 1, instance, task)


def _claims(core: Core, instance: Instance, task: Task) -> Iterator[Step]:
    for name in ("d1",) if instance.distributor is None else ("d1", "d2"):
        report = replace(CLAIM, facts={"distributor": name})
        change = core.decide_claim(locked(instance, task), report, name)
        yield Step(f"distributor {name}", "claim", change.plan.outcome, *written(change, instance, task))


def waits_for_lapse(instance: Instance) -> bool:
    """Whether only its holder may end it yet, as its passed deadline would."""
    return bool(instance.contact) and WHEN_OVERDUE[instance.status] in TASK_INSTANCE.terminal


def lapsed(instance: Instance, task: Task) -> Step:
    """`contact_until` passes; before that a worker that is out of touch has ended its command."""
    ended = [Worker.FAILED if one is Worker.TOLD else one for one in instance.workers]
    actor = Reporter.REAPER.value if waits_for_lapse(instance) else "time"
    then = instance._replace(contact=False, workers=(ended[0], ended[1]))
    return Step(actor, "contact_until passes", "", then, task)


def reaped(core: Core, instance: Instance, task: Task) -> Step:
    """The reaper finds the deadline passed."""
    wanted = WHEN_OVERDUE[instance.status]
    message = Message(
        f"deadline passed {wanted}", Report(wanted, By(Reporter.REAPER), text="?"), overdue=True
    )
    return delivered(core, "reaper", message, instance, task)


def _of_worker(core: Core, index: int, instance: Instance, task: Task) -> Iterator[Step]:
    """What a worker's messages do, each with its answer lost or received, and what it does by itself."""
    actor, state = f"worker {WORKERS[index]}", instance.workers[index]
    for message in FROM_WORKER[index][state]:
        step = delivered(core, actor, message, instance, task)
        yield step
        heard = _heard(core, state, message, step)
        if heard is not state:
            yield step._replace(
                what=f"{step.what}, hears {step.instance.status}",
                instance=step.instance.with_worker(index, heard),
            )
    alone = {Worker.IDLE: [Worker.UNABLE], Worker.TOLD: [Worker.OK, Worker.FAILED]}
    for then in alone.get(state, []):
        yield Step(actor, then, "", instance.with_worker(index, then), task)


def _heard(core: Core, state: Worker, message: Message, answer: Step) -> Worker:
    """A worker's next state when it hears the answer; what is refused leaves it where it was, to ask again."""
    accepted = answer.outcome in {Outcome.APPLIED, Outcome.DUPLICATE}
    if state is Worker.IDLE and accepted and answer.instance.status is TI.RUNNING:
        # An answer that came too late is no leave to start.
        return Worker.TOLD if answer.instance.contact or not core.stop else Worker.UNABLE
    told_to_stop = answer.outcome == Outcome.UNTIMELY and answer.instance.status is TI.KILL_SELF
    if state is Worker.IDLE and told_to_stop:
        return Worker.KILLED
    if state is Worker.TOLD and message.report.wanted is None and answer.outcome != Outcome.APPLIED:
        return Worker.KILLED
    return state


def acts(
    core: Core, current: Instance | None, task: Task
) -> Iterator[tuple[str, Act, Instance | None, Task]]:
    """What each act of an operator does; the rows as `db.subjects` leaves them."""
    status, requeue = (None, False) if current is None else (current.status, current.requeue)
    subject = TaskWithInstance(task.status, status, requeue, task.num_attempts)
    for verb, plan in core.acts.items():
        act = plan(subject)
        then, its_task = current, task
        if act.outcome is Outcome.APPLIED:
            its_task = task._replace(status=act.task, num_attempts=act.num_attempts)
            if current is not None:
                then = current._replace(
                    status=act.task_instance or current.status,
                    by=Reporter.OPERATOR if act.task_instance else current.by,
                    orphan=current.orphan or act.orphan,
                    requeue=current.requeue or act.requeue,
                )
        yield verb, act, then, its_task
