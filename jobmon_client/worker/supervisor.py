"""What happens to the jobs of an agent; everything here runs in the agent's one thread."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from jobmon_client.answers import Reply
from jobmon_client.config import Settings, command_environment
from jobmon_client.states import Outcome, TaskInstanceStatus
from jobmon_client.worker import result
from jobmon_client.worker.items import LogFiles, WorkItem, tail
from jobmon_client.worker.job import Job, Order, Phase, Reports, bare
from jobmon_client.worker.process import Process, live_groups, oom_kills
from jobmon_client.worker.reporter import Reporter
from jobmon_client.worker.verdict import Verdict, judge, quoted
from jobmon_client.worker.waiter import Waiter
from jobmon_client.worker.watch import Watch

log = structlog.get_logger(__name__)

LINGER_POLL = 0.05
LIVE = frozenset({TaskInstanceStatus.RUNNING, TaskInstanceStatus.TRIAGING})
BEFORE = frozenset({TaskInstanceStatus.QUEUED, TaskInstanceStatus.INSTANTIATED, TaskInstanceStatus.LAUNCHED})
STARTED = frozenset({Outcome.APPLIED, Outcome.DUPLICATE})
LAST_REPORT = {
    TaskInstanceStatus.KILL_SELF: TaskInstanceStatus.ERROR_FATAL,
    TaskInstanceStatus.NO_HEARTBEAT: TaskInstanceStatus.ERROR,
}
CONFIRMED = Verdict(TaskInstanceStatus.ERROR_FATAL, "the command was ended as the server had ordered")


@dataclass(frozen=True, slots=True)
class Change:
    """What just happened: jobs whose command started, and jobs that are over and whose end the server knows."""

    started: tuple[Job, ...]
    ended: tuple[Job, ...]


class Supervisor:
    """Holds the jobs, starts and ends their commands, and has the reporter say so."""

    def __init__(
        self, settings: Settings, reports: Reports, reporter: Reporter, waiter: Waiter, watch: Watch
    ) -> None:
        """Run up to `settings.concurrency` commands at once."""
        self.jobs: dict[int, Job] = {}
        self.running: dict[int, Job] = {}
        self._settings = settings
        self._reports = reports
        self._reporter = reporter
        self._waiter = waiter
        self._watch = watch
        self._environment = command_environment()
        self._waiting: deque[Job] = deque()
        self._busy_slots = 0
        self._started: list[Job] = []
        self._ended: list[Job] = []
        self._oom_kills = oom_kills()

    # -- asked by the loop -----------------------------------------------------------------------------------

    def timeout(self) -> float | None:
        """Return the seconds until something is due by the clock."""
        due = [job.due for job in self.running.values() if job.due is not None]
        if any(job.phase is Phase.LINGERING for job in self.running.values()):
            return LINGER_POLL
        return max(0.0, min(due) - time.monotonic()) if due else None

    def keep_time(self) -> None:
        """End what is over its time limit, kill what is over its grace, and see which groups are gone."""
        now = time.monotonic()
        for job in [one for one in self.running.values() if one.due is not None and one.due <= now]:
            if job.order is None:
                limit = f"the command was ended after its time limit of {job.item.time_limit:g} seconds"
                self._end(job, Order(limit, TaskInstanceStatus.RESOURCE_ERROR))
            elif job.process is not None:
                job.process.signal_group(signal.SIGKILL)
                job.due = None
        lingering = [job for job in self.running.values() if job.phase is Phase.LINGERING]
        groups = live_groups() if lingering else set()
        for job in lingering:
            if job.due is None or job.process is None or job.process.pid not in groups:
                self._gone(job)

    def ask_leave(self) -> None:
        """For each free slot ask the server whether the next item may start."""
        while self._waiting and self._busy_slots < self._settings.concurrency:
            job = self._waiting.popleft()
            self._busy_slots += 1
            job.phase = Phase.ASKED
            self._reporter.send(self._reports.running(job), self._posting(job, self._answered_running))

    def _posting(self, job: Job, act: Callable[[Job, Reply], None]) -> Callable[[Reply], None]:
        return lambda reply: self._waiter.post(lambda: act(job, reply))

    def take_change(self) -> Change:
        """Return what happened since the last call."""
        change = Change(tuple(self._started), tuple(self._ended))
        self._started.clear()
        self._ended.clear()
        return change

    def only_reports_left(self) -> bool:
        """Return whether every command is over, and only the server does not know yet."""
        return all(job.phase is Phase.REPORTED for job in self.jobs.values())

    def abandon(self) -> None:
        """Kill what is left when patience has ended: no command outlives its worker."""
        for job in self.running.values():
            if job.process is not None:
                job.process.signal_group(signal.SIGKILL)

    # -- what happens to a job -------------------------------------------------------------------------------

    def accept(self, items: Iterable[WorkItem]) -> None:
        """Take the items that are not in hand already."""
        for item in items:
            if item.task_instance_id not in self.jobs:
                job = Job(item, LogFiles.of(item, self._settings.log_dir))
                self.jobs[job.id] = job
                self._waiting.append(job)

    def _answered_running(self, job: Job, reply: Reply) -> None:
        """Start the command if the server says so, and else forget it."""
        may_start = reply.outcome in STARTED and reply.status is TaskInstanceStatus.RUNNING
        if may_start and job.order is None:
            self._begin(job)
            return
        self._busy_slots -= 1
        if (
            reply.outcome not in {Outcome.FENCED, Outcome.UNKNOWN}
            and reply.status is TaskInstanceStatus.KILL_SELF
        ):
            self._report(job, CONFIRMED)
        elif may_start and job.order is not None:
            self._report(job, Verdict(TaskInstanceStatus.ERROR, f"{job.order.reason} before it started"))
        else:
            log.info("not_started", task_instance_id=job.id, outcome=str(reply.outcome), status=reply.status)
            self._forget(job)

    def _begin(self, job: Job) -> None:
        try:
            result.prepare(job.files.result)
            variables = {**self._environment, **job.item.variables(), result.VARIABLE: str(job.files.result)}
            job.process = Process(job.item.command, variables, job.files)
        except (OSError, ValueError) as error:
            self._busy_slots -= 1
            self._report(job, Verdict(TaskInstanceStatus.ERROR, f"the command could not be started: {error}"))
            return
        self._watch.started(job.process.pid, job.id)
        job.phase = Phase.RUNNING
        job.due = None if job.item.time_limit is None else time.monotonic() + job.item.time_limit
        self.running[job.id] = job
        self._started.append(job)
        self._waiter.watch(job.process, lambda: self._exited(job))

    def obey(self, reply: Reply) -> None:
        """Do what a heartbeat's reply orders."""
        job = self.running.get(reply.task_instance_id or 0)
        if job is None or job.order is not None:
            return
        if reply.outcome is Outcome.FENCED:
            self._end(job, Order("another worker holds it", None))
        elif reply.status is not None and reply.status not in LIVE | BEFORE:
            reason = f"the server told the worker to stop: the status was {reply.status}"
            self._end(job, Order(reason, LAST_REPORT.get(reply.status)))
        elif any(command.get("command") == "kill" for command in reply.commands):
            self._end(job, Order("the command was ended by a kill command", TaskInstanceStatus.ERROR))

    def end_all(self, ids: Iterable[int], reason: str) -> None:
        """End these; ERROR is what fits an instance that lives: if it is to be killed, the reply will say so."""
        for job in [self.jobs[one] for one in ids if one in self.jobs]:
            order = Order(reason, TaskInstanceStatus.ERROR)
            if job.phase is Phase.WAITING:
                self._waiting.remove(job)
                self._report(job, Verdict(TaskInstanceStatus.ERROR, f"{reason} before it started"))
            elif job.phase is Phase.ASKED:
                job.order = order
            elif job.phase is Phase.RUNNING and job.order is None:
                self._end(job, order)

    def _end(self, job: Job, order: Order) -> None:
        """Ask the whole group to end, and give it its grace; one that has ended by itself is left its own verdict."""
        if job.process is not None and not job.process.exited():
            job.order = order
            job.due = time.monotonic() + self._settings.kill_grace
            job.process.signal_group(signal.SIGTERM)

    def _exited(self, job: Job) -> None:
        """Collect a leader; if it was told to end, the rest of its group has until the grace is over."""
        if job.process is None:
            return
        job.ended = job.process.collect(spare_group=job.order is not None)
        if job.order is not None and job.due is not None and job.process.signal_group(0):
            job.phase = Phase.LINGERING
        else:
            self._gone(job)

    def _gone(self, job: Job) -> None:
        """Nothing of the command is left: free its slot and say how it ended."""
        del self.running[job.id]
        self._busy_slots -= 1
        if job.process is not None:
            self._watch.ended(job.process.pid)
        if job.order is None:
            self._report(job, self._verdict(job))
        elif job.order.report is None:
            log.info("ended_unreported", task_instance_id=job.id, reason=job.order.reason)
            self._forget(job)
        else:
            self._report(job, Verdict(job.order.report, quoted(job.order.reason, tail(job.files.stderr))))

    def _verdict(self, job: Job) -> Verdict:
        if job.ended is None:
            raise RuntimeError(f"task instance {job.id} has not ended")
        if job.ended.exit_code == 0:
            try:
                job.has_result, job.result = result.read(job.files.result)
            except result.BadResult as error:
                return Verdict(TaskInstanceStatus.ERROR, f"the command succeeded, but {error}")
            return Verdict(TaskInstanceStatus.DONE)
        before, self._oom_kills = self._oom_kills, oom_kills()
        return judge(job.ended, out_of_memory=self._oom_kills > before, stderr=tail(job.files.stderr))

    def _report(self, job: Job, verdict: Verdict) -> None:
        job.phase = Phase.REPORTED
        report = self._reports.end(job, verdict)

        def answered(job: Job, reply: Reply) -> None:
            if reply.outcome is Outcome.MALFORMED and bare(report) != report:
                log.error("report_malformed", task_instance_id=job.id, report=report["report"])
                self._reporter.send(bare(report), self._posting(job, self._confirm))
            else:
                self._confirm(job, reply)

        self._reporter.send(report, self._posting(job, answered))

    def _confirm(self, job: Job, reply: Reply) -> None:
        """Forget the job, once a server that wanted it killed knows that it is dead."""
        if reply.status is TaskInstanceStatus.KILL_SELF and reply.outcome is Outcome.UNTIMELY:
            self._report(job, CONFIRMED)
        else:
            self._forget(job)

    def _forget(self, job: Job) -> None:
        del self.jobs[job.id]
        self._ended.append(job)
