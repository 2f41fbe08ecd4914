"""What an exit means, as the server has it; pure."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from jobmon_client.states import FailureKind, TaskInstanceStatus
from jobmon_client.worker.process.command_process import Ended

KILLED_EXIT = 128 + signal.SIGKILL
CPU_LIMIT = (128 + signal.SIGXCPU, signal.SIGXCPU)
QUOTED = 1_000


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """The status to report, and for an error the sentence that explains it, perhaps also a word, and whose fault it was."""

    status: TaskInstanceStatus
    description: str = ""
    reason_code: str | None = None
    kind: FailureKind | None = None


CONFIRMED = ExitStatus(TaskInstanceStatus.ERROR_FATAL, "the command was ended as the server had ordered")
#: What a command is reported as that the server told to stop, by the status that said so.
LAST_REPORT = {
    TaskInstanceStatus.KILL_SELF: TaskInstanceStatus.ERROR_FATAL,
    TaskInstanceStatus.NO_HEARTBEAT: TaskInstanceStatus.ERROR,
}


def not_started(error: Exception) -> ExitStatus:
    """Return what is reported of a command that the system did not take."""
    return ExitStatus(TaskInstanceStatus.ERROR, f"the command could not be started: {error}")


def judge(ended: Ended, *, out_of_memory: bool, stderr: str) -> ExitStatus:
    """Judge a command that ended by itself; `out_of_memory`: the machine killed something for that meanwhile."""
    if ended.exit_code == 0:
        return ExitStatus(TaskInstanceStatus.DONE)
    killed = ended.signal == signal.SIGKILL or ended.exit_code == KILLED_EXIT
    state = TaskInstanceStatus.ERROR
    description = how(ended)
    if killed and out_of_memory:
        state = TaskInstanceStatus.RESOURCE_ERROR
        description += "; the machine was out of memory and killed processes while it ran"
    elif killed:
        description += "; the worker did not send it: often the machine or the job was out of memory"
    elif ended.signal == signal.SIGXCPU or ended.exit_code in CPU_LIMIT:
        state = TaskInstanceStatus.RESOURCE_ERROR
        description += "; its limit of processor time was reached"
    return ExitStatus(state, quoted(description, stderr))


def how(ended: Ended) -> str:
    """Say how it ended."""
    if ended.signal is not None:
        return f"the command was ended by {signal_name(ended.signal)}"
    code = ended.exit_code or 0
    if 128 < code <= 128 + signal.NSIG and (name := signal_name(code - 128)):
        return f"the command exited with code {code} (a shell says so when {name} ended what it ran)"
    return f"the command exited with code {code}"


def quoted(description: str, stderr: str) -> str:
    """Add the end of what the command wrote to stderr."""
    said = stderr.rstrip()[-QUOTED:]
    return f"{description}\n{said}" if said else description


def signal_name(number: int) -> str:
    """Return the name of a signal, such as SIGTERM."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
