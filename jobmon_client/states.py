"""The vocabulary of the system: what a task instance, a task, a workflow and a run can be.

The word is what people and programs read (JSON, command line, logs); the one-letter code is for the
database alone. Edges between statuses live in the server (`jobmon_server.fsm`) and are published at `/fsm`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Status(StrEnum):
    """A word with a one-letter code; compares and prints as the word."""

    code: str

    def __new__(cls, word: str, code: str) -> Self:
        """Make the member from its word and its code."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.code = code
        return member

    @classmethod
    def from_code(cls, code: str) -> Self:
        """Return the member with this code; raise ValueError for a code that is none."""
        for member in cls:
            if member.code == code:
                return member
        raise ValueError(f"{code!r} is no code of {cls.__name__}")


class TaskInstanceStatus(Status):
    """One attempt at a task."""

    QUEUED = "QUEUED", "Q"
    INSTANTIATED = "INSTANTIATED", "I"
    LAUNCHED = "LAUNCHED", "O"
    RUNNING = "RUNNING", "R"
    TRIAGING = "TRIAGING", "T"
    NO_HEARTBEAT = "NO_HEARTBEAT", "X"
    KILL_SELF = "KILL_SELF", "K"
    DONE = "DONE", "D"
    ERROR = "ERROR", "E"
    RESOURCE_ERROR = "RESOURCE_ERROR", "Z"
    UNKNOWN_ERROR = "UNKNOWN_ERROR", "U"
    NO_DISTRIBUTOR_ID = "NO_DISTRIBUTOR_ID", "W"
    ERROR_FATAL = "ERROR_FATAL", "F"


class TaskStatus(Status):
    """The logical unit of work: keeps the outcome and the retry budget."""

    REGISTERING = "REGISTERING", "G"
    QUEUED = "QUEUED", "Q"
    INSTANTIATING = "INSTANTIATING", "I"
    LAUNCHED = "LAUNCHED", "O"
    RUNNING = "RUNNING", "R"
    ADJUSTING_RESOURCES = "ADJUSTING_RESOURCES", "A"
    PAUSED = "PAUSED", "P"
    ERROR_RECOVERABLE = "ERROR_RECOVERABLE", "E"
    DONE = "DONE", "D"
    ERROR_FATAL = "ERROR_FATAL", "F"
    STOPPED = "STOPPED", "S"


class WorkflowStatus(Status):
    """A set of tasks and their dependencies."""

    REGISTERED = "REGISTERED", "G"
    RUNNING = "RUNNING", "R"
    PAUSED = "PAUSED", "P"
    HALTED = "HALTED", "H"
    DONE = "DONE", "D"
    FAILED = "FAILED", "F"
    STOPPED = "STOPPED", "S"


class WorkflowRunStatus(Status):
    """One owner's time of driving a workflow."""

    BOUND = "BOUND", "B"
    RUNNING = "RUNNING", "R"
    DONE = "DONE", "D"
    ERROR = "ERROR", "E"
    STOPPED = "STOPPED", "S"
    TERMINATED = "TERMINATED", "T"


class AccountingStatus(Status):
    """Whether what an attempt used has been accounted for; nobody has said so before PENDING is left."""

    PENDING = "PENDING", "P"
    DONE = "DONE", "D"
    FAILED = "FAILED", "F"


class InputStatus(Status):
    """Whether a named input of a task is where it is expected."""

    UNCHECKED = "UNCHECKED", "U"
    AVAILABLE = "AVAILABLE", "A"
    MISSING = "MISSING", "M"


class CallbackStatus(Status):
    """What became of the news about a workflow that was to be posted to its callback URL."""

    PENDING = "PENDING", "P"
    DELIVERED = "DELIVERED", "D"
    FAILED = "FAILED", "F"


class CommandStatus(StrEnum):
    """What became of a command to a running instance; derived from its times, never stored."""

    QUEUED = "QUEUED"
    DELIVERED = "DELIVERED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    OBSOLETE = "OBSOLETE"


class CommandName(StrEnum):
    """What a worker can be told to do with the command that it runs."""

    KILL = "kill"
    SET_HEARTBEAT_INTERVAL = "set_heartbeat_interval"
    SIGNAL = "signal"


class CommandSignal(StrEnum):
    """What can be sent to a running command; to end it for good is a kill, which its worker reports as what it is."""

    HANGUP = "SIGHUP"
    INTERRUPT = "SIGINT"
    QUIT = "SIGQUIT"
    TERMINATE = "SIGTERM"
    USER_1 = "SIGUSR1"
    USER_2 = "SIGUSR2"
    PAUSE = "SIGSTOP"
    CONTINUE = "SIGCONT"


class Scope(StrEnum):
    """What a token allows; each allows what those before it do, an admin does it to everybody's workflows."""

    VIEWER = "viewer"
    WORKER = "worker"
    DISTRIBUTOR = "distributor"
    OPERATOR = "operator"
    ADMIN = "admin"


class Serve(StrEnum):
    """Whose workflows a token changes and claims from: those of its own owner, of its group too, or everybody's."""

    OWN = "own"
    GROUP = "group"
    ALL = "all"


class LostContact(StrEnum):
    """What a worker does with its command when its server has not heard from it for two of its deadlines."""

    CONTINUE = "continue"
    STOP = "stop"


class FailureKind(StrEnum):
    """Whose failure it was; what the infrastructure did to an attempt costs its task none."""

    TASK = "task"
    INFRASTRUCTURE = "infrastructure"


class Proof(StrEnum):
    """How a cluster knows that nothing of an attempt runs: its own process's exit code, or the node has booted."""

    EXIT = "exit"
    REBOOT = "reboot"


class ReasonCode(StrEnum):
    """The words that we ourselves give as the reason of a status; other reporters have their own."""

    DEADLINE_PASSED = "deadline_passed"
    TOLD_TO_STOP = "told_to_stop"
    STOPPED = "stopped"
    WITHDRAWN = "withdrawn"
    STARTED_AFRESH = "started_afresh"
    KILLED_BY_COMMAND = "killed_by_command"
    LOST_CONTACT = "lost_contact"
    FORCED = "forced"


class OnError(StrEnum):
    """Whether an act on many ends at the first that is refused."""

    CONTINUE = "continue"
    STOP = "stop"


class Group(StrEnum):
    """What kinds of status there are, in whatever machine: what a status comes to for who only glances at it."""

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"
    ERROR = "error"


class Outcome(StrEnum):
    """What became of a report or an act; always one of these words."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    UNTIMELY = "untimely"
    INVALID = "invalid"
    FENCED = "fenced"
    UNKNOWN = "unknown"
    BUSY = "busy"
    MALFORMED = "malformed"


class Reporter(StrEnum):
    """Who spoke; recorded in the journal and as the source of error-log entries."""

    WORKER = "worker"
    DISTRIBUTOR = "distributor"
    REAPER = "reaper"
    OPERATOR = "operator"
    WORKFLOW_RUN = "workflow_run"


#: Tasks that have a live instance of their own: what the limits count, and what must end before a run is left.
LIVE_TASKS = frozenset({TaskStatus.QUEUED, TaskStatus.INSTANTIATING, TaskStatus.LAUNCHED, TaskStatus.RUNNING})
#: Workflows in which nothing more happens by itself, and whose run has ended with them.
WORKFLOW_OVER = frozenset({WorkflowStatus.DONE, WorkflowStatus.FAILED, WorkflowStatus.STOPPED})
#: Workflows that wait for somebody: those that are over, and those whose run ended with work left. What is waited for.
WORKFLOW_AT_REST = WORKFLOW_OVER | {WorkflowStatus.HALTED}
