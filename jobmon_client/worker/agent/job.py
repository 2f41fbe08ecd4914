"""One item in the hands of an agent: what is known about it, and the reports that it makes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, NamedTuple

from jobmon_client.states import FailureKind, ReasonCode, TaskInstanceStatus
from jobmon_client.worker.agent import result
from jobmon_client.worker.process.command_process import Ended, Process
from jobmon_client.worker.process.exit_status import ExitStatus
from jobmon_client.worker.process.items import LogFiles, WorkItem, tail
from jobmon_client.worker.process.variables import RESULT_FILE
from jobmon_client.worker.process.working_directory import standing_in
from jobmon_client.worker.reporting.pace import Pace

MARKS = (b"JOBMON_TASK_INSTANCE_ID", RESULT_FILE.encode())
BARE = ("stdout_log", "stderr_log", "usage")


class Phase(Enum):
    """How far an item has come."""

    WAITING = auto()  # for a slot
    ASKED = auto()  # the server has been asked whether the command may start
    GRANTED = auto()  # it may; there is no slot yet
    RUNNING = auto()
    LINGERING = auto()  # its first process has ended; others of its are ended, or have their grace
    REPORTED = auto()  # dead; the server has not confirmed yet


@dataclass(frozen=True, slots=True)
class EndOrder:
    """Why a command is to end, and the status that its death is reported with (None: nobody wants to know).

    `code` is why in a word, `kind` whose failure it was if not the task's.
    """

    reason: str
    report: TaskInstanceStatus | None
    code: str | None = None
    kind: FailureKind | None = None


class ContactSpan(NamedTuple):
    """When the last report that was answered was first sent (CLOCK_BOOTTIME), and the seconds that it promised."""

    sent_at: float
    increment: float


KILLED = EndOrder(
    "the command was ended by a kill command", TaskInstanceStatus.ERROR, ReasonCode.KILLED_BY_COMMAND.value
)


@dataclass(slots=True, eq=False)
class Job:
    """The agent's note on one item; touched by the agent's thread alone."""

    item: WorkItem
    files: LogFiles
    phase: Phase = Phase.WAITING
    process: Process | None = None
    order: EndOrder | None = None
    ended: Ended | None = None
    has_result: bool = False
    result: Any = None  # JSON; None is a result too
    told: Sequence[Mapping[str, Any]] = ()  # commands of the server that wait for its start
    obeyed: dict[int, str] = field(default_factory=dict)  # what was made of each command, by its id
    is_measured: bool = False  # and the server has not answered yet
    progress: str | None = None  # as the server was told
    is_guarded: bool = False  # it is to end when it is out of touch
    contact: ContactSpan | None = None
    due: float | None = None  # when the time limit passes; once it is being ended, when grace does

    @property
    def id(self) -> int:
        """Return the id of the task instance."""
        return self.item.task_instance_id

    def read_result(self) -> str | None:
        """Take in the result that the command wrote, if any; return what is wrong with it."""
        try:
            self.has_result, self.result = result.read(self.files.result)
        except result.BadResult as error:
            return str(error)
        return None

    def start(
        self, inherited: Mapping[bytes, bytes], own: Mapping[bytes, bytes], open_files: int | None
    ) -> Process:
        """Start its command, with this soft limit of open files; raise OSError or ValueError if the system does not take it.

        `own` are the variables of its environment that are ours to say.
        """
        result.prepare(self.files.result)
        result.prepare(self.files.progress)
        environment = self.item.whole_environment(inherited, own)
        with standing_in(self.item.working_directory):
            self.process = Process(self.item.command, environment, self.files, open_files)
        return self.process


def marks(variables: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return those of an attempt's variables that no other attempt on this machine has."""
    return {name: variables[name] for name in MARKS if name in variables}


@dataclass(frozen=True, slots=True)
class Reports:
    """Makes the reports of one worker."""

    worker_id: str
    pace: Pace
    nodename: str = field(default_factory=socket.gethostname)
    process_group_id: int = field(default_factory=lambda: os.getpgid(0))

    def running(self, job: Job) -> dict[str, Any]:
        """Ask leave to start."""
        report = {
            "task_instance_id": job.id,
            "report": "log_running",
            "worker_id": self.worker_id,
            "nodename": self.nodename,
            "process_group_id": self.process_group_id,
            "distributor_id": job.item.distributor_id,
            "stdout": str(job.files.stdout),
            "stderr": str(job.files.stderr),
            "next_report_increment": self.pace.increment,
        }
        return {name: value for name, value in report.items() if value is not None}

    def living(self, job: Job, **facts: Any) -> dict[str, Any]:
        """Say that it runs, and what else there is to be said of it."""
        return {
            "task_instance_id": job.id,
            "report": "log_report_by",
            "worker_id": self.worker_id,
            "next_report_increment": self.pace.increment,
            **{name: value for name, value in facts.items() if value},
        }

    def end(self, job: Job, verdict: ExitStatus) -> dict[str, Any]:
        """Say how it ended."""
        report: dict[str, Any] = {
            "task_instance_id": job.id,
            "report": "log_done",
            "worker_id": self.worker_id,
        }
        if verdict.status is not TaskInstanceStatus.DONE:
            report["report"] = "log_error_worker_node"
            report["error_state"] = str(verdict.status)
            report["error_description"] = verdict.description
            if verdict.reason_code is not None:
                report["reason_code"] = verdict.reason_code
            if verdict.kind is not None:
                report["kind"] = verdict.kind.value
        if job.ended is not None:
            report["stdout_log"] = tail(job.files.stdout)
            report["stderr_log"] = tail(job.files.stderr)
            report["usage"] = dict(job.ended.usage)
        if job.has_result and verdict.status is TaskInstanceStatus.DONE:
            report["result"] = job.result
        return report


def unkillable(running: Iterable[Job]) -> frozenset[int]:
    """Return the instances whose commands were killed and have not ended; may be called from any thread."""
    return frozenset(job.id for job in running if job.order is not None and job.due is None)


def bare(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report without what is good to know but not needed."""
    return {name: value for name, value in report.items() if name not in BARE}
