"""An agent that is started before the server is known, so that both get ready at the same time."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Self

import structlog

from jobmon_client.config import Settings, agent_environment

log = structlog.get_logger(__name__)

AGENT = (sys.executable, "-m", "jobmon_client.worker", "agent")


def start_agent(settings: Settings, options: Sequence[str]) -> subprocess.Popen[str]:
    """Start an agent in a session of its own, so that Ctrl-C at the terminal does not reach it; raise OSError."""
    return subprocess.Popen(
        [*AGENT, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=agent_environment(settings),
    )


class Spare:
    """One agent that waits to be told its options, for as long as it is entered or until it is taken.

    It ends by itself with us: what it waits for is the end of a pipe.
    """

    def __init__(self, settings: Settings) -> None:
        """Start it; where that fails there is none."""
        self._lock = threading.Lock()
        self._agent: subprocess.Popen[str] | None = None
        try:
            self._agent = start_agent(settings, ["--later"])
        except OSError as error:  # whoever needs an agent will try again, and tell
            log.info("no_spare_agent", error=str(error))

    @property
    def pid(self) -> int | None:
        """Its process; None if there is none, or it was taken."""
        agent = self._agent
        return None if agent is None else agent.pid

    def take(self, options: Sequence[str]) -> subprocess.Popen[str] | None:
        """Return the agent, which has been told these options and is the caller's; None if it was taken, or has ended."""
        with self._lock:
            agent, self._agent = self._agent, None
        if agent is None or agent.stdin is None:
            return None
        try:
            agent.stdin.write(json.dumps(list(options)) + "\n")
            agent.stdin.flush()
        except BrokenPipeError:
            end(agent)
            return None
        return agent

    def __enter__(self) -> Self:
        """Use it in a `with`."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """End it, if nobody took it."""
        with self._lock:
            agent, self._agent = self._agent, None
        if agent is not None:
            end(agent)


def end(agent: subprocess.Popen[str]) -> None:
    """End one that has begun nothing."""
    agent.kill()
    agent.wait()
    for pipe in (agent.stdin, agent.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                log.debug("spare_agent_was_gone")
