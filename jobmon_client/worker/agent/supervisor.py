"""What happens to the jobs of an agent; everything here runs in the agent's one thread."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog

from jobmon_client.api.replies import Reply
from jobmon_client.config import Settings
from jobmon_client.states import Outcome, TaskInstanceStatus
from jobmon_client.worker.agent.changes import Changes
from jobmon_client.worker.agent.contact import HEARD, OUT_OF_TOUCH, Contacts
from jobmon_client.worker.agent.job import KILLED, EndOrder, Job, Phase, Reports, bare
from jobmon_client.worker.agent.lingering import Lingering
from jobmon_client.worker.agent.measuring import Measuring
from jobmon_client.worker.agent.server_commands import ServerCommands, is_killed
from jobmon_client.worker.agent.slots import Slots
from jobmon_client.worker.agent.starting import Starter, is_shortage
from jobmon_client.worker.agent.verdicts import Verdicts
from jobmon_client.worker.process.exit_status import CONFIRMED, LAST_REPORT, ExitStatus, not_started, quoted
from jobmon_client.worker.process.families import Families
from jobmon_client.worker.process.items import LogFiles, WorkItem, tail
from jobmon_client.worker.process.waiter import Waiter
from jobmon_client.worker.reporting.reporter import ReportSender

log = structlog.get_logger(__name__)

STRANGERS = frozenset({Outcome.FENCED, Outcome.UNKNOWN})
LIVE = frozenset({TaskInstanceStatus.RUNNING, TaskInstanceStatus.TRIAGING})
BEFORE = frozenset({TaskInstanceStatus.QUEUED, TaskInstanceStatus.INSTANTIATED, TaskInstanceStatus.LAUNCHED})


class Supervisor:
    """Holds the jobs, starts and ends their commands, and has the reporter say so."""

    def __init__(
        self,
        settings: Settings,
        reports: Reports,
        reporter: ReportSender,
        waiter: Waiter,
        families: Families,
        starter: Starter,
    ) -> None:
        """Run up to `settings.concurrency` commands at once."""
        self.jobs: dict[int, Job] = {}
        self.running: dict[int, Job] = {}
        self._settings = settings
        self._reports = reports
        self._reporter = reporter
        self._waiter = waiter
        self._families = families
        self._starter = starter
        self._lingering = Lingering(families)
        self._slots = Slots(settings.concurrency)
        self.changes = Changes()
        self.contacts = Contacts(settings.kill_grace, self._held, families.exempt)
        self._verdicts = Verdicts()
        self._measuring = Measuring(settings, reports, self._send, self.obey)
        self._orders = ServerCommands(
            kill=self._kill,
            set_interval=lambda job, seconds: reports.pace.ask(job.id, seconds, self.running),
            acknowledge=self._acknowledge,
        )

    def held(self) -> tuple[int, ...]:
        """Return the instances that the server takes to be running; may be called from any thread."""
        return (*self.running, *self._slots.granted)

    def _held(self, task_instance_id: int) -> Job | None:
        return self.running.get(task_instance_id) or self._slots.granted.get(task_instance_id)

    def timeout(self) -> float | None:
        """Return the seconds until something is due by the clock."""
        waits = [one for one in (self._lingering.wait(), self._slots.wait()) if one is not None]
        due = [job.due for job in self.running.values() if job.due is not None]
        waits += [max(0.0, min(due) - time.monotonic())] if due else []
        measured = self._measuring.wait() if self.running else None
        waits += [one for one in (self.contacts.timeout(self.running.values()), measured) if one is not None]
        return min(waits, default=None)

    def keep_time(self) -> None:
        """End what is over its time limit, kill what is over its grace, and see of which commands nothing is left."""
        now = time.monotonic()
        self.contacts.end_lost(self.running.values(), self._end)
        for job in [one for one in self.running.values() if one.due is not None and one.due <= now]:
            if job.order is None:
                limit = f"the command was ended after its time limit of {job.item.time_limit:g} seconds"
                self._end(job, EndOrder(limit, TaskInstanceStatus.RESOURCE_ERROR))
            elif job.process is not None:
                job.process.signal_group(signal.SIGKILL)
                job.due = None
        self._measuring.keep_time(self.running.values())
        for job in self._lingering.take_gone():
            self._gone(job)
        if self._slots.wait() == 0.0:
            self._start_next()

    def ask_leave(self) -> None:
        """For each slot that is free, or soon will be, ask the server whether the next item may start."""
        while (job := self._slots.next_to_ask()) is not None:
            self._send(self._reports.running(job), job, self._answered_running)

    def _send(self, report: Mapping[str, Any], job: Job, act: Callable[[Job, Reply], None]) -> None:
        def answered(reply: Reply) -> None:  # in this thread
            self.contacts.answered(job, report, reply)
            act(job, reply)

        self._reporter.send(report, lambda reply: self._waiter.post(lambda: answered(reply)))

    def only_reports_left(self) -> bool:
        """Return whether every command is over, and only the server does not know yet."""
        return all(job.phase is Phase.REPORTED for job in self.jobs.values())

    def abandon(self) -> None:
        """Kill what is left when patience has ended: no command outlives its worker."""
        for job in self.running.values():
            if job.process is not None:
                job.process.signal_group(signal.SIGKILL)
        self._families.kill_everything()

    def accept(self, items: Iterable[WorkItem]) -> None:
        """Take the items that are not in hand already."""
        for item in items:
            if item.task_instance_id not in self.jobs:
                job = Job(item, LogFiles.of(item, self._settings.log_dir))
                self.jobs[job.id] = job
                self._slots.add(job)

    def _answered_running(self, job: Job, reply: Reply) -> None:
        """Start the command as soon as there is a slot if the server says so, and else forget it."""
        may_start = reply.outcome in HEARD and reply.status is TaskInstanceStatus.RUNNING
        job.told = reply.commands
        if may_start and job.order is None and is_killed(reply.commands):
            job.order = KILLED
        self._slots.answered(job, granted=may_start and job.order is None)
        if may_start and job.order is None:
            self._start_next()
        elif reply.outcome not in STRANGERS and reply.status is TaskInstanceStatus.KILL_SELF:
            self._report(job, CONFIRMED)
        elif may_start and job.order is not None:
            self._orders.take(job, reply.commands)
            self._obeyed(job, job.order, f"{job.order.reason} before it started")
        else:
            log.info("not_started", task_instance_id=job.id, outcome=str(reply.outcome), status=reply.status)
            self._forget(job)

    def _withdraw(self, job: Job, order: EndOrder) -> None:
        job.order = order
        self._slots.withdraw(job)
        self._obeyed(job, order, f"{order.reason} before it started")

    def _obeyed(self, job: Job, order: EndOrder, reason: str) -> None:
        if order.report is None:
            log.info("ended_unreported", task_instance_id=job.id, reason=order.reason)
            self._forget(job)
        else:
            self._report(job, ExitStatus(order.report, reason, order.code, order.kind))

    def _start_next(self) -> None:
        """Start what may start, while there are slots."""
        while (job := self._slots.next_to_start()) is not None:
            self._begin(job)

    def _begin(self, job: Job) -> None:
        if not self.contacts.may_start(job):
            self._slots.free(None)
            self._obeyed(job, OUT_OF_TOUCH, f"{OUT_OF_TOUCH.reason} before it started")
            return
        try:
            process = self._starter.start(job)
        except (OSError, ValueError) as error:
            if is_shortage(error):
                log.warning("command_waits", task_instance_id=job.id, error=str(error))
                self._slots.put_back(job)
            else:
                self._slots.free(None)
                self._report(job, not_started(error))
            return
        self.contacts.started(job)
        job.phase = Phase.RUNNING
        job.due = None if job.item.time_limit is None else time.monotonic() + job.item.time_limit
        self.running[job.id] = job
        self.changes.started.append(job)
        self._measuring.begun(self.running)
        self._reports.pace.follow(self.running)
        self._waiter.watch(process, lambda: self._exited(job))
        self._orders.take(job, job.told)

    def obey(self, reply: Reply) -> None:
        """Do what the reply to a sign of life orders."""
        job = self._held(reply.task_instance_id or 0)
        if job is None:
            return
        killed = job.phase is Phase.GRANTED and is_killed(reply.commands)
        if killed:
            job.order = KILLED
        if job.phase is Phase.GRANTED and not killed:
            job.told = reply.commands or job.told  # for when there is a command to do it to
        else:
            self._orders.take(job, reply.commands)
        if killed:
            self._withdraw(job, KILLED)
        if job.order is not None:
            return
        if reply.outcome is Outcome.FENCED:
            self._end(job, EndOrder("another worker holds it", None))
        elif reply.status is not None and reply.status not in LIVE | BEFORE:
            reason = f"the server told the worker to stop: the status was {reply.status}"
            self._end(job, EndOrder(reason, LAST_REPORT.get(reply.status)))

    def _kill(self, job: Job) -> bool:
        """End one that an operator wants dead; whether there was anything to end."""
        if job.order is None:
            self._end(job, KILLED)
        return job.order is KILLED

    def _acknowledge(self, job: Job, results: Mapping[int, str]) -> None:
        """Say what was made of commands; the reply may bring more of them."""
        acknowledged = [{"command_id": one, "result": result} for one, result in results.items()]
        self._send(
            self._reports.living(job, acknowledged=acknowledged), job, lambda _job, reply: self.obey(reply)
        )

    def end_all(self, ids: Iterable[int], reason: str) -> None:
        """End these; ERROR is what fits an instance that lives: if it is to be killed, the reply will say so."""
        for job in [self.jobs[one] for one in ids if one in self.jobs]:
            order = EndOrder(reason, TaskInstanceStatus.ERROR)
            if job.phase is Phase.WAITING:
                self._withdraw(job, order)
            elif job.phase is Phase.ASKED:
                job.order = order
            elif job.phase in {Phase.GRANTED, Phase.RUNNING} and job.order is None:
                self._end(job, order)

    def _end(self, job: Job, order: EndOrder) -> None:
        """Ask all its processes to end, and give them their grace; one that has ended by itself is left its own verdict."""
        if job.phase is Phase.GRANTED:
            self._withdraw(job, order)
        elif job.process is not None and not job.process.exited():
            job.order = order
            job.due = time.monotonic() + self._settings.kill_grace
            job.process.signal_group(signal.SIGTERM)
            self._families.signal(job.process.pid, signal.SIGTERM)

    def _exited(self, job: Job) -> None:
        """Collect the first process; if it was told to end, the others have until the grace is over, else they end now."""
        if job.process is None:
            return
        job.ended = job.process.collect(spare_group=job.order is not None)
        if job.order is None:
            job.due = None
        if self._families.may_be_left(job.process.pid):
            self._lingering.add(job)
        else:
            self._gone(job)

    def _gone(self, job: Job) -> None:
        """Nothing of the command is left: free its slot and say how it ended."""
        del self.running[job.id]
        self._reports.pace.follow(self.running)
        if job.process is not None:
            self._starter.forget(job)
            self._slots.free(job.process.wall_seconds)
            job.files.drop_empty()
        self._start_next()
        if job.order is None and self.contacts.was_killed(job):
            job.order = OUT_OF_TOUCH
        if job.order is None:
            self._report(job, self._verdicts.of(job))
        else:
            self._obeyed(job, job.order, quoted(job.order.reason, tail(job.files.stderr)))

    def _report(self, job: Job, verdict: ExitStatus) -> None:
        job.phase = Phase.REPORTED
        self.contacts.over(job)
        report = self._reports.end(job, verdict)

        def answered(job: Job, reply: Reply) -> None:
            if reply.outcome is Outcome.MALFORMED and bare(report) != report:
                log.error("report_malformed", task_instance_id=job.id, report=report["report"])
                self._send(bare(report), job, self._confirm)
            else:
                self._confirm(job, reply)

        self._send(report, job, answered)

    def _confirm(self, job: Job, reply: Reply) -> None:
        """Forget the job, once a server that wanted it killed knows that it is dead."""
        is_wanted = reply.status is TaskInstanceStatus.KILL_SELF and reply.outcome is Outcome.UNTIMELY
        self._report(job, CONFIRMED) if is_wanted else self._forget(job)

    def _forget(self, job: Job) -> None:
        del self.jobs[job.id]
        self.contacts.over(job)
        self.changes.ended.append(job)
