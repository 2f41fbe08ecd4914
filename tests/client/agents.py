"""An agent in the hands of a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jobmon_client import config
from jobmon_client.worker.agent.agent import Agent
from jobmon_client.worker.agent.changes import Change
from jobmon_client.worker.process.items import LogFiles, WorkItem
from tests.client.scripted_server import ScriptedServer
from tests.support.waiting import eventually


class Driven:
    """Gives an agent commands and remembers what it said of them."""

    def __init__(self, server: ScriptedServer, settings: config.Settings, **more: Any) -> None:
        self.server = server
        self.settings = settings
        self.started: list[int] = []
        self.ended: list[int] = []
        self.agent = Agent(settings, changed=self.note, **more)

    def note(self, change: Change) -> None:
        self.started += [job.id for job in change.started]
        self.ended += [job.id for job in change.ended]

    def give(self, task_instance_id: int, command: str, *, known: bool = True, **facts: Any) -> LogFiles:
        if known and task_instance_id not in self.server.instances:
            self.server.add(task_instance_id)
        item = WorkItem(task_instance_id, "a task/of mine", command, 7, 3, 5, **facts)
        self.agent.submit([item])
        return LogFiles.of(item, self.settings.log_dir)

    def run(self, command: str, **facts: Any) -> dict[str, Any]:
        """Run one command to its end and return the report that ended it."""
        number = len(self.server.instances) + 1
        self.give(number, command, **facts)
        self.until_ended(number)
        return self.server.last(number)

    def until_ended(self, task_instance_id: int) -> None:
        eventually(lambda: task_instance_id in self.ended, 20)

    def until_started(self, task_instance_id: int) -> None:
        eventually(lambda: task_instance_id in self.started, 20)


def gone(pid_file: Path) -> bool:
    """Whether the process whose pid the file holds is dead, or a zombie that init has yet to collect."""
    try:
        stat = Path(f"/proc/{int(pid_file.read_text())}/stat").read_text()
    except FileNotFoundError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


def guardian_of(agent: int) -> int:
    """The process that would end the commands of this agent with it."""
    for entry in Path("/proc").iterdir():
        try:
            parent = int(entry.joinpath("stat").read_text().rpartition(")")[2].split()[1])
            is_guardian = b"read -r sign group" in entry.joinpath("cmdline").read_bytes()
        except (OSError, ValueError, IndexError):
            continue
        if parent == agent and is_guardian:
            return int(entry.name)
    raise AssertionError(f"process {agent} has no guardian")
