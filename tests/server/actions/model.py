"""What the server must hold, as plain dictionaries: every step is planned by the pure core and by nothing else."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from jobmon_client.states import Outcome, Reporter
from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_client.states import TaskStatus as T
from jobmon_client.states import WorkflowRunStatus as Run
from jobmon_client.states import WorkflowStatus as W
from jobmon_server.actions.reporting.report_types import Report
from jobmon_server.fsm.acts import ACTS, Act, TaskWithInstance, plan_start_afresh
from jobmon_server.fsm.plan import By, Pair, Plan, plan_claim, plan_heartbeat, plan_transition
from jobmon_server.fsm.task import QUEUEABLE
from jobmon_server.fsm.task_instance import TASK_INSTANCE, WHEN_OVERDUE
from jobmon_server.fsm.workflow import RUN_ENDS, WORKFLOW_RUN, Facts, workflow_status

REAPER = By(Reporter.REAPER)
QUEUED_BY = By(Reporter.WORKFLOW_RUN)


@dataclass
class Task:
    """A task's row, and its instances, oldest first."""

    max_attempts: int
    upstream: list[str]
    status: T = T.REGISTERING
    num_attempts: int = 0
    num_refunds: int = 0
    instances: list[int] = field(default_factory=list)


@dataclass
class Instance:
    """An instance's row."""

    task: str
    status: TI = TI.QUEUED
    by: By = QUEUED_BY
    holder: str | None = None
    distributor: str | None = None
    orphan: bool = False
    requeue: bool = False
    overdue: bool = False


@dataclass
class Model:
    """One workflow."""

    tasks: dict[str, Task] = field(default_factory=dict)
    instances: dict[int, Instance] = field(default_factory=dict)
    held: bool = False
    run: Run | None = None
    run_overdue: bool = False
    status: W = W.REGISTERED

    def rows(self) -> dict[str, Any]:
        """Everything that a look into the database must show."""
        return {
            "tasks": {
                name: (one.status, one.num_attempts, one.num_refunds) for name, one in self.tasks.items()
            },
            "instances": {
                key: (one.task, one.status, one.holder, one.distributor, one.orphan, one.requeue)
                for key, one in self.instances.items()
            },
            "workflow": (self.status, self.held, self.run),
        }

    def pair(self, key: int) -> Pair:
        """An instance with its task, as it would be locked."""
        one, its_task = self.instances[key], self.tasks[self.instances[key].task]
        return Pair(
            one.status,
            its_task.status,
            its_task.num_attempts,
            its_task.max_attempts,
            its_task.num_refunds,
            one.holder,
            one.by,
            one.orphan,
            one.requeue,
            one.overdue,
        )

    def report(self, key: int, news: Report) -> Plan:
        """Take one report."""
        was = self.pair(key)
        if news.wanted is None:
            plan = plan_heartbeat(was, news.by, batch=news.is_batch)
        else:
            plan = plan_transition(was, news.wanted, news.by, only_overdue=news.only_overdue)
        self._take(key, plan, news.by)
        if plan.outcome is Outcome.DUPLICATE and news.always:
            self.instances[key].overdue = False
        return plan

    def claim(self, key: int, distributor: str) -> Plan:
        """Take a distributor's claim."""
        plan = plan_claim(self.pair(key), self.instances[key].distributor, distributor)
        self._take(key, plan, By(Reporter.DISTRIBUTOR))
        if plan.applied:
            self.instances[key].distributor = distributor
        return plan

    def claimable(self, limit: int) -> list[int]:
        """What a claim by cluster gets."""
        return [key for key, one in sorted(self.instances.items()) if one.status is TI.QUEUED][:limit]

    def _take(self, key: int, plan: Plan, by: By) -> None:
        one, its_task = self.instances[key], self.tasks[self.instances[key].task]
        if not plan.applied:
            return
        one.overdue = False  # every test's increment is long
        if plan.task_instance is not one.status:
            one.status, one.by = plan.task_instance, by
            one.holder = one.holder or by.worker_id
            its_task.status, its_task.num_attempts = plan.task, plan.num_attempts
            its_task.num_refunds = plan.num_refunds

    def act(self, name: str, verb: str) -> Act:
        """Take an operator's act on one task."""
        its_task = self.tasks[name]
        current = self.instances[its_task.instances[-1]] if its_task.instances else None
        subject = TaskWithInstance(
            its_task.status,
            None if current is None else current.status,
            current is not None and current.requeue,
            its_task.num_attempts,
        )
        act = ACTS[verb](subject) if verb in ACTS else plan_start_afresh(subject)
        if act.outcome is Outcome.APPLIED:
            its_task.status, its_task.num_attempts = act.task, act.num_attempts
            if current is not None:
                current.orphan |= act.orphan
                current.requeue |= act.requeue
            if current is not None and act.task_instance is not None:
                current.status, current.by, current.overdue = act.task_instance, By(Reporter.OPERATOR), False
        return act

    def act_on_all(self, verb: str) -> tuple[Outcome, int]:
        """Take an act on the workflow; how many tasks it changes."""
        outcomes = [self.act(name, verb).outcome for name in self.tasks]
        applied = outcomes.count(Outcome.APPLIED)
        there = Outcome.DUPLICATE in outcomes or (verb == "play" and self.held)
        if verb in {"pause", "play"} and (applied or there):
            self.held = verb == "pause"
        return (Outcome.APPLIED if applied else Outcome.DUPLICATE if there else Outcome.INVALID), applied

    def ready(self) -> list[str]:
        """Tasks that could be queued now, by id; what was stopped and still lives does not keep the status from it."""
        return [
            name
            for name, one in self.tasks.items()
            if one.status in QUEUEABLE and all(self.tasks[up].status is T.DONE for up in one.upstream)
        ]

    def queueable(self) -> list[str]:
        """Tasks that a queueing takes: those that are ready and have no live instance."""
        found = [] if self.held else self.ready()
        return [name for name in found if not self._lives(name)]

    def _lives(self, name: str) -> bool:
        keys = self.tasks[name].instances
        return bool(keys) and self.instances[keys[-1]].status in TASK_INSTANCE.live

    def queue(self, name: str, key: int) -> None:
        """A task gets its next instance."""
        its_task = self.tasks[name]
        its_task.status = T.QUEUED
        its_task.num_attempts += 1
        its_task.instances.append(key)
        self.instances[key] = Instance(name)

    @property
    def run_alive(self) -> bool:
        """Whether the last run has not ended."""
        return self.run in WORKFLOW_RUN.live

    def facts(self, *, run_alive: bool, ever_run: bool) -> Facts:
        """What the workflow's status depends on."""
        present = frozenset(one.status for one in self.tasks.values())
        return Facts(present, bool(self.ready()), self.held, run_alive, ever_run)

    def settle(self) -> None:
        """Compute the workflow's status; its run ends with it."""
        self.status = workflow_status(self.facts(run_alive=self.run_alive, ever_run=self.run is not None))
        if self.run_alive and self.status in RUN_ENDS:
            self.run = RUN_ENDS[self.status]

    def start(self, resume: str | None) -> Model | None:
        """The model with a new run; None when there may be none."""
        alive = self.run_alive and not self.run_overdue
        if alive or self.status is W.DONE or (self.run is not None and resume is None):
            return None
        then = deepcopy(self)
        if self.run is not None:
            then.prepare(resume)
        status = workflow_status(then.facts(run_alive=True, ever_run=True))
        if status in RUN_ENDS:
            return None
        then.run, then.run_overdue, then.status = Run.BOUND, False, status
        return then

    def prepare(self, resume: str | None) -> None:
        """What a resume does before its run starts."""
        for name, one in self.tasks.items():
            if resume == "cold":
                self.act(name, "start afresh")
            if one.status is T.ERROR_FATAL:
                one.status, one.num_attempts = T.REGISTERING, 0

    def reap(self) -> None:
        """One pass of the reaper."""
        for key, one in self.instances.items():
            if one.overdue:
                plan = plan_transition(self.pair(key), WHEN_OVERDUE[one.status], REAPER)
                assert plan.applied, f"the reaper is refused: {self.pair(key)}"
                self._take(key, plan, REAPER)
        self.settle()
        if self.run_alive and self.run_overdue:
            self.run = Run.ERROR
        self.settle()
