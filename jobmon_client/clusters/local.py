"""Real processes on this machine: one agent subprocess that runs up to `concurrency` commands.

A distributor id is `<host>:<pid of the agent>:<task instance id>`. The agent has a session of its own, so that Ctrl-C at
the terminal does not reach it; if it dies, its commands are killed and another one is started. Of the requested
resources it knows `time_limit`, in seconds.
"""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Collection, Mapping
from typing import Any

import structlog

from jobmon_client.clusters.agent_pipe import AgentPipe
from jobmon_client.clusters.base import Batch, ClusterContext, ExitInfo
from jobmon_client.clusters.local_ids import agent_pid, is_agent, works
from jobmon_client.clusters.spare_agent import start_agent
from jobmon_client.config import database_log_dir, spool_dir
from jobmon_client.errors import ClusterError
from jobmon_client.loop import Backoff, run_every
from jobmon_client.states import Proof, TaskInstanceStatus
from jobmon_client.worker.process import orphans
from jobmon_client.worker.process.items import WorkItem

log = structlog.get_logger(__name__)

STOP_PATIENCE = 15.0
LAST_WORDS = 2.0
MOST = 500
ASK_EVERY = 1.0
SILENCE = 2.0
"""Seconds without an answer after which an agent is given nothing more."""


class LocalCluster:
    """A cluster of one machine; its methods may be called from any thread."""

    workers_know_their_id = True

    def __init__(self, context: ClusterContext) -> None:
        """Take everything from the context; its `users_file` is locked by the agent while it lives."""
        self._context = context
        self._host = socket.gethostname()
        self._lock = threading.RLock()
        self._agent: AgentPipe | None = None
        self._ending: AgentPipe | None = None
        self._in_hand: dict[str, int] = {}
        self._lost: dict[str, str] = {}
        self._untold: dict[int, ExitInfo] = {}
        self._listener: threading.Thread | None = None
        self._ends: deque[float] = deque()
        self._backoff = Backoff(0.2, 10.0)
        self._stop = threading.Event()

    def start(self) -> None:
        """Kill what dead agents of this machine left running, start ours; raise ClusterError if there can be none."""
        killed = orphans.sweep(
            lambda owner: owner.startswith(f"{self._host}:") and not is_agent(agent_pid(owner))
        )
        if killed:
            log.warning("orphans_killed", count=killed)
        with self._lock:
            self._stop.clear()
            self._living_agent()
        threading.Thread(
            target=run_every, args=(ASK_EVERY, self._ask, self._stop), name="agent pulse", daemon=True
        ).start()

    def submit(self, batch: Batch) -> dict[int, str]:
        """Hand the items to the agent; each is accepted, and waits there for a free slot."""
        with self._lock:
            agent = self._living_agent()
            ids = {
                item.array_step_id: f"{self._host}:{agent.pid}:{item.task_instance_id}"
                for item in batch.items
            }
            work = [
                WorkItem(
                    task_instance_id=item.task_instance_id,
                    name=item.name,
                    command=item.command,
                    task_id=item.task_id,
                    workflow_id=item.workflow_id,
                    workflow_run_id=item.workflow_run_id,
                    distributor_id=ids[item.array_step_id],
                    time_limit=batch.time_limit,
                    working_directory=item.working_directory,
                    environment=dict(item.environment),
                    attempt=item.attempt,
                ).to_json()
                for item in batch.items
            ]
            self._in_hand.update({ids[item.array_step_id]: item.task_instance_id for item in batch.items})
            agent.tell({"submit": work})
            return ids

    def active(self, distributor_ids: Collection[str]) -> set[str]:
        """Return what the agent has in hand, and what is of another that lives; nobody reports for a dead one's."""
        with self._lock:
            ours = {one for one in distributor_ids if one in self._in_hand}
            others = [one for one in distributor_ids if one not in ours and self._foreign(one)]
        return ours | {one for one in others if works(agent_pid(one))}

    def cancel(self, distributor_ids: Collection[str]) -> None:
        """Have the agent end these; kill what an agent that is gone left running."""
        with self._lock:
            ours = [self._in_hand[one] for one in distributor_ids if one in self._in_hand]
            if ours and self._agent is not None:
                self._agent.tell({"cancel": ours})
            others = [one for one in distributor_ids if one not in self._in_hand and self._foreign(one)]
        orphans.kill([one for one in others if not works(agent_pid(one))])

    def exit_info(self, distributor_id: str) -> ExitInfo | None:
        """Return what is known of an instance whose agent died; a living agent reports for itself.

        What a dead agent left running is killed first: once this is told, the task may be tried again.
        """
        with self._lock:
            message = self._lost.get(distributor_id)
            foreign = self._foreign(distributor_id)
        if foreign and not self.active([distributor_id]):
            orphans.kill([distributor_id])
            message = "the agent that ran it is gone, and so are its processes"
            return ExitInfo(TaskInstanceStatus.UNKNOWN_ERROR, message)
        # Our own child: we have its exit code, and have killed what it left.
        return None if message is None else ExitInfo(TaskInstanceStatus.UNKNOWN_ERROR, message, Proof.EXIT)

    def lost(self) -> dict[int, ExitInfo]:
        """Return what was in the hands of an agent that has died since the last call, by the instance: nothing of it runs."""
        with self._lock:
            untold, self._untold = self._untold, {}
        return untold

    def capacity(self) -> int:
        """Return how many more it takes: none while more than half of what it holds at most is in hand, or it is silent.

        Every slot has its next command then; who fills up after each end asks the server for crumbs.
        """
        with self._lock:
            most = self._most()
            if self._agent is not None and self._agent.silent_seconds > SILENCE:
                return 0
            return most - len(self._in_hand) if len(self._in_hand) <= most // 2 else 0

    def _most(self) -> int:
        """Return how many to hold: twice the slots and some, or twice what was done in the last second if that is more."""
        horizon = time.monotonic() - 1.0
        while self._ends and self._ends[0] < horizon:
            self._ends.popleft()
        return max(2 * self._context.settings.concurrency + 8, min(2 * len(self._ends), MOST))

    def check(self, distributor_ids: Collection[str]) -> None:
        """Have the agent ask the server about these at once."""
        with self._lock:
            ours = [self._in_hand[one] for one in distributor_ids if one in self._in_hand]
            if ours and self._agent is not None:
                self._agent.tell({"check": ours})

    def stop(self) -> None:
        """Have the agent end all commands and report it; after a bounded time kill it and them."""
        with self._lock:
            self._stop.set()
            agent, self._agent = self._agent, None
            self._ending = agent
            left = list(self._in_hand)
        if agent is None:
            return
        agent.tell({"stop": True})
        try:
            agent.wait(STOP_PATIENCE + self._context.settings.kill_grace)
        except subprocess.TimeoutExpired:
            log.warning("agent_killed", pid=agent.pid)
            agent.kill()
            agent.wait()
        orphans.kill(left)
        self._hear_out()

    def kill(self) -> None:
        """Kill the agent and all its commands at once; how they ended is left to the server's deadlines."""
        with self._lock:
            self._stop.set()
            agent, self._agent = self._agent or self._ending, None
            left = list(self._in_hand)
        if agent is not None:
            agent.kill()
            agent.wait()
        orphans.kill(left)
        self._hear_out()

    # -- the agent -------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        """Ask the agent whether it works; end one that has not answered for too long, so that others may have its work."""
        agent, patience = self._agent, self._context.settings.longest_agent_silence
        if agent is None or agent.is_dead:
            return
        if agent.silent_seconds > patience:
            log.warning("agent_silent", pid=agent.pid, seconds=round(agent.silent_seconds, 1))
            agent.kill(f"did not answer for {patience:g} seconds and was ended")
        agent.ask()

    def _living_agent(self) -> AgentPipe:
        if self._stop.is_set():
            raise ClusterError("the local cluster is being stopped")
        if self._agent is None or self._agent.is_dead:
            self._bury(self._agent)
            self._agent = self._start_agent()
        return self._agent

    def _start_agent(self) -> AgentPipe:
        options, spare = self._options(), self._context.spare
        try:
            process = (spare and spare.take(options)) or start_agent(self._context.settings, options)
        except OSError as error:
            raise ClusterError(f"the agent could not be started: {error}") from error
        agent = AgentPipe(process)
        self._listener = threading.Thread(target=self._listen, args=(agent,), name="local", daemon=True)
        self._listener.start()
        return agent

    def _options(self) -> list[str]:
        settings = self._context.settings
        place = (settings, self._context.server_url, self._context.users_file)
        options: dict[str, object] = {
            "--server-url": self._context.server_url,
            "--concurrency": settings.concurrency,
            "--log-dir": database_log_dir(*place),
            "--heartbeat-interval": settings.heartbeat_interval,
            "--spool-dir": spool_dir(*place),
            "--users-file": self._context.users_file,
        }
        return [str(part) for pair in options.items() if pair[1] is not None for part in pair]

    def _listen(self, agent: AgentPipe) -> None:
        """Follow what the agent says until it is gone."""
        for line in agent.process.stdout or ():
            said: Mapping[str, Any] = json.loads(line)
            if "pong" in said:
                agent.answered()
                continue
            with self._lock:
                for one in said["ended"]:
                    self._in_hand.pop(f"{self._host}:{agent.pid}:{one}", None)
                    self._ends.append(time.monotonic())
            self._backoff.reset()
            if self.capacity():
                self._context.on_change()
        agent.wait()
        while not self._bury(agent) and not self._stop.wait(ASK_EVERY):
            log.warning("commands_not_ended", pid=agent.pid)
        agent.close()
        self._context.on_change()
        if not self._stop.wait(self._backoff.next()):
            self._replace(agent)

    def _replace(self, agent: AgentPipe) -> None:
        """Start another agent, unless somebody was quicker; if that fails the next submit tries again."""
        with self._lock:
            if self._agent is agent and not self._stop.is_set():
                try:
                    self._agent = self._start_agent()
                except ClusterError as error:
                    log.error("no_agent", error=str(error))

    def _hear_out(self) -> None:
        """Wait until the last words of an agent that is dead were heard."""
        if self._listener is not None:
            self._listener.join(LAST_WORDS)

    def _bury(self, agent: AgentPipe | None) -> bool:
        """Kill what a dead agent left running, and remember how it died, once nothing runs; return whether that is so."""
        if agent is None:
            return True
        with self._lock:
            left = {
                one: n for one, n in self._in_hand.items() if one.startswith(f"{self._host}:{agent.pid}:")
            }
            if not orphans.kill(left):
                return False
            message = f"the agent (pid {agent.pid}) that ran it {agent.end}"
            for one, number in left.items():
                del self._in_hand[one]
                self._lost[one] = message
                if not self._stop.is_set():
                    self._untold[number] = ExitInfo(TaskInstanceStatus.UNKNOWN_ERROR, message, Proof.EXIT)
        return True

    def _foreign(self, distributor_id: str) -> bool:
        """Return whether it belongs to another agent of this machine, of which we know nothing."""
        ours = self._agent.pid if self._agent is not None else None
        known = distributor_id in self._lost
        pid = agent_pid(distributor_id)
        return not known and pid is not None and pid != ours and distributor_id.startswith(f"{self._host}:")
