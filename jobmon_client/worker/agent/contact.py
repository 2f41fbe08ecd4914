"""Until when a command may run whose server wants it ended when it is out of touch (`lost_contact = stop`).

The server lets nobody else end an attempt for twice the increment of the last sign of life. So the worker counts less than
that, from when it first sent the last report that was answered: at `LOST` of them nothing of its command runs any more.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jobmon_client.api.replies import Reply
from jobmon_client.loop import boot_seconds
from jobmon_client.states import FailureKind, LostContact, Outcome, ReasonCode, TaskInstanceStatus
from jobmon_client.worker.agent.job import ContactSpan, EndOrder, Job
from jobmon_client.worker.process.contact_watch import ContactWatch

#: Increments after the sending of the last report that was answered: by then it has ended, and from when on it is killed.
LOST = 1.8
KILLED_AFTER = 1.75
HEARD = frozenset({Outcome.APPLIED, Outcome.DUPLICATE})
OUT_OF_TOUCH = EndOrder(
    "the command was ended because its worker was out of touch with the server (lost_contact is stop)",
    TaskInstanceStatus.ERROR,
    ReasonCode.LOST_CONTACT.value,
    FailureKind.INFRASTRUCTURE,
)


class Contacts:
    """Counts for the jobs of one agent, in its one thread; a process beside it counts along."""

    def __init__(
        self,
        grace: float,
        find: Callable[[int], Job | None],
        exempt: Callable[[int], None] = lambda _pid: None,
    ) -> None:
        """Ask a command to end up to `grace` seconds before it is killed; `find` what is held of an instance.

        `exempt` is told of each child of ours that belongs to no command.
        """
        self._grace = grace
        self._find = find
        self._watch = ContactWatch(exempt)

    def answered(self, job: Job, report: Mapping[str, Any], reply: Reply) -> None:
        """Take the answer to a report of a job: what is to be done out of touch, and how long it is in touch now."""
        said = reply.body.get("lost_contact")
        if said is not None:
            job.is_guarded = said == LostContact.STOP
        increment = report.get("next_report_increment")
        if increment is not None and reply.outcome in HEARD and reply.sent_at is not None:
            self.heard(job, reply.sent_at, increment)

    def all_heard(self, ids: Iterable[int], sent_at: float, increment: float) -> None:
        """A sign of life of many, first sent then, has been answered."""
        for one in ids:
            if (job := self._find(one)) is not None:
                self.heard(job, sent_at, increment)

    def heard(self, job: Job, sent_at: float, increment: float) -> None:
        """A report that was first sent then has been answered."""
        if not job.is_guarded or (job.contact is not None and job.contact.sent_at > sent_at):
            return
        job.contact = ContactSpan(sent_at, increment)
        self._watch.keep(job.id, killed_at(job.contact))

    def may_start(self, job: Job) -> bool:
        """Whether its command may still be started."""
        return job.contact is None or boot_seconds() < self._asked_at(job.contact)

    def started(self, job: Job) -> None:
        """Its command runs."""
        if job.contact is not None and job.process is not None:
            self._watch.started(job.id, job.process.pid)

    def over(self, job: Job) -> None:
        """Nothing of its command runs, and nothing will."""
        job.is_guarded = False
        self._watch.over(job.id)

    def end_lost(self, running: Iterable[Job], end: Callable[[Job, EndOrder], None]) -> None:
        """Have those of these jobs asked to end whose time it is, and killed when there is no more."""
        now = boot_seconds()
        ours = [(job, job.contact) for job in running if job.contact is not None and job.order is None]
        for job, contact in ours:
            if self._asked_at(contact) <= now:
                end(job, OUT_OF_TOUCH)
                if job.order is OUT_OF_TOUCH:
                    job.due = time.monotonic() + max(0.0, killed_at(contact) - now)

    def timeout(self, running: Iterable[Job]) -> float | None:
        """Return the seconds until one of these jobs has to be asked to end, None if none ever has."""
        due = [
            self._asked_at(job.contact) for job in running if job.contact is not None and job.order is None
        ]
        return max(0.0, min(due) - boot_seconds()) if due else None

    def was_killed(self, job: Job) -> bool:
        """Whether SIGKILL ended a command that was past its time: the process beside us was quicker, or we stood still."""
        is_killed = job.ended is not None and job.ended.signal == signal.SIGKILL
        return is_killed and job.contact is not None and boot_seconds() >= killed_at(job.contact)

    def close(self) -> None:
        """The agent ends."""
        self._watch.close()

    def _asked_at(self, contact: ContactSpan) -> float:
        """Return when its command is asked to end: in time for its grace, but not while the server expects nothing."""
        return max(killed_at(contact) - self._grace, contact.sent_at + contact.increment)


def killed_at(contact: ContactSpan) -> float:
    """Return when it is killed."""
    return contact.sent_at + KILLED_AFTER * contact.increment
