"""What a fault is told with: the steps that lead to it, as a journal would have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tests.server.fsm.model.world import Instance, Task


class State(NamedTuple):
    """A task and all its instances, oldest first."""

    task: Task = Task()
    instances: tuple[Instance, ...] = ()


class Event(NamedTuple):
    """Who did what, the answer (empty for what a worker does by itself), and to which instance, from 0."""

    actor: str
    what: str
    outcome: str
    place: int


@dataclass(frozen=True)
class Found:
    """A fault, and the shortest story that leads to it."""

    fault: str
    story: list[tuple[Event, State, State]]

    def __str__(self) -> str:
        """Return the journal."""
        lines = (f"{number:3} {_told(*line)}" for number, line in enumerate(self.story, 1))
        return "\n".join([self.fault, *lines])


def after(state: State, index: int, instance: Instance | None, task: Task) -> State:
    """A state after one of its instances, or none, and its task changed."""
    if instance is None:
        return state._replace(task=task)
    return State(task, (*state.instances[:index], instance, *state.instances[index + 1 :]))


def _told(event: Event, was: State, then: State) -> str:
    statuses = f"{_status(was, event.place)} → {_status(then, event.place)}"
    tasks = f"task {was.task.status} → {then.task.status}"
    return (
        f"{event.actor:14} | {event.what:44} | instance {event.place + 1}: {statuses:36} | {tasks:40}"
        f" | {event.outcome or 'by itself'}"
    )


def _status(state: State, index: int) -> str:
    return state.instances[index].status if index < len(state.instances) else "–"
