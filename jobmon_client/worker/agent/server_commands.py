"""The commands that the server sends to a running command: each is done once, and acknowledged as often as it is told."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobmon_client.states import CommandName, CommandSignal
from jobmon_client.worker.agent.job import Job

Told = Sequence[Mapping[str, Any]]


def is_killed(told: Told) -> bool:
    """Whether a command that has not started had better not start."""
    return any(one.get("command") == CommandName.KILL for one in told)


class ServerCommands:
    """Does what commands say, in the agent's one thread."""

    def __init__(
        self,
        *,
        kill: Callable[[Job], bool],
        set_interval: Callable[[Job, float], None],
        acknowledge: Callable[[Job, Mapping[int, str]], None],
    ) -> None:
        """`kill` says whether there was anything to end; `acknowledge` is given results by command id."""
        self._kill = kill
        self._set_interval = set_interval
        self._acknowledge = acknowledge
        self._known: dict[str, Callable[[Job, Mapping[str, Any]], str]] = {
            CommandName.KILL: self._obey_kill,
            CommandName.SET_HEARTBEAT_INTERVAL: self._obey_interval,
            CommandName.SIGNAL: self._obey_signal,
        }

    def take(self, job: Job, told: Told) -> None:
        """Do what is new among what is told, and acknowledge all of it."""
        for one in told:
            if one["command_id"] not in job.obeyed:
                job.obeyed[one["command_id"]] = self._obey(job, one)
        if told:
            self._acknowledge(job, {one["command_id"]: job.obeyed[one["command_id"]] for one in told})

    def _obey(self, job: Job, one: Mapping[str, Any]) -> str:
        """Do it; what is not understood, of a newer server say, is no reason to be told again."""
        obey = self._known.get(one["command"])
        if obey is None:
            return f"not done: this worker knows {', '.join(CommandName)}"
        try:
            return obey(job, one["arguments"])
        except (KeyError, ValueError, TypeError) as error:
            return f"not done: its arguments were not understood: {error!r}"

    def _obey_kill(self, job: Job, _arguments: Mapping[str, Any]) -> str:
        return "the command is being ended" if self._kill(job) else "the command had ended or was being ended"

    def _obey_interval(self, job: Job, arguments: Mapping[str, Any]) -> str:
        seconds = float(arguments["seconds"])
        self._set_interval(job, seconds)
        return f"a heartbeat every {seconds:g} seconds, or sooner for another command of this worker"

    def _obey_signal(self, job: Job, arguments: Mapping[str, Any]) -> str:
        name = CommandSignal(arguments["signal"])
        if job.process is not None and job.process.signal_group(signal.Signals[name]):
            return f"{name} was sent to its processes"
        return "it has no process any more"
